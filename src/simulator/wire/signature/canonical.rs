//! A request in the one spelling that both sides of a signature use.
//!
//! Takes a request and the names of its signed headers, gives the text that is hashed and signed. Knows no keys.

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

pub(super) fn canonical_request(request: &Request<Bytes>, signed_headers: &str) -> String {
    let uri = request.uri();
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method(),
        canonical_path(uri.path()),
        canonical_query(uri.query().unwrap_or_default())
    );
    for name in signed_headers.split(';') {
        let values: Vec<String> = request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| trimmed(value.as_bytes()))
            .collect();
        let mut value = values.join(",");
        // In process nobody has turned the address into a header yet.
        if name == HOST.as_str() && values.is_empty() {
            value = uri.authority().map(ToString::to_string).unwrap_or_default();
        }
        canonical += &format!("{name}:{value}\n");
    }
    canonical += &format!(
        "\n{signed_headers}\n{}",
        hex::encode(Sha256::digest(request.body()))
    );
    canonical
}

/// Runs of spaces are one space, even between quotes.
fn trimmed(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Dots and doubled slashes resolved, then encoded once more than it came (S3 alone does neither).
pub(super) fn canonical_path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
    {
        if segment == ".." {
            segments.pop();
        } else {
            segments.push(segment);
        }
    }
    let mut normal = format!("/{}", segments.join("/"));
    if !segments.is_empty() && path.ends_with('/') {
        normal.push('/');
    }
    percent_encode(normal.as_bytes(), ENCODED_IN_PATH).to_string()
}

pub(super) fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| {
        let plain: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&plain, ENCODED).to_string()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normal_and_encoded_once_more() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/../..", "/"),
            ("//example//", "/example/"),
            (
                "/2013-04-01/hostedzone/Z%2F1",
                "/2013-04-01/hostedzone/Z%252F1",
            ),
        ] {
            assert_eq!(canonical_path(path), expected, "{path}");
        }
    }
}
