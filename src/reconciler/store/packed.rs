//! Text in a parameter: deflated, and in base64 because a parameter holds characters. Pure.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// A manifest's own limit; whoever may write the parameter is not thereby able to fill our memory.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// Packs any text; a page of YAML comes out at about half its length.
pub fn pack(text: &str) -> std::io::Result<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    Ok(STANDARD.encode(encoder.finish()?))
}

/// The text again, or why there is none.
pub fn unpack(packed: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(packed).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let mut decoder = DeflateDecoder::new(&*bytes).take(TEXT_BYTES_MAX + 1);
    decoder
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    match text.len() as u64 > TEXT_BYTES_MAX {
        true => Err(format!("unpacks to more than {TEXT_BYTES_MAX} bytes")),
        false => Ok(text),
    }
}
