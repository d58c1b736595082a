//! A process's output, line by line.
//!
//! Takes a pipe, hands on its lines. Bounded: a line is cut where Docker's log drivers cut it, and a process that writes
//! faster than its lines are taken waits on its pipe.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Docker hands its log drivers at most 16 KiB at a time; a longer line becomes several events.
const LINE_BYTES_MAX: usize = 16 * 1_024;

/// Reads lines until the pipe closes. What is not UTF-8 is replaced, and a read error ends it like a close.
pub(super) async fn lines(pipe: Option<impl AsyncRead + Unpin>, line: impl Fn(&str)) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::with_capacity(LINE_BYTES_MAX, pipe);
    let mut held: Vec<u8> = Vec::new();
    let hand_on = |held: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(held);
        line(text.trim_end_matches('\r'));
        held.clear();
    };
    while let Ok(chunk) = reader.fill_buf().await {
        if chunk.is_empty() {
            break;
        }
        let room = LINE_BYTES_MAX - held.len();
        let window = chunk.get(..room).unwrap_or(chunk);
        let (taken, ended) = match window.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (window.len(), held.len() + window.len() == LINE_BYTES_MAX),
        };
        held.extend(window.iter().take(taken).filter(|byte| **byte != b'\n'));
        reader.consume(taken);
        if ended {
            hand_on(&mut held);
        }
    }
    if !held.is_empty() {
        hand_on(&mut held);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    async fn read(bytes: &[u8]) -> Vec<String> {
        let seen = Mutex::new(Vec::new());
        lines(Some(bytes), |line| {
            seen.lock().unwrap().push(line.to_owned())
        })
        .await;
        seen.into_inner().unwrap()
    }

    #[tokio::test]
    async fn lines_end_at_newlines_and_at_the_limit() {
        assert_eq!(read(b"one\r\n\ntwo").await, ["one", "", "two"]);
        assert_eq!(read(b"\xff\n").await, ["\u{fffd}"]);
        let long = [vec![b'x'; LINE_BYTES_MAX + 3], b"\nend\n".to_vec()].concat();
        assert_eq!(
            read(&long)
                .await
                .iter()
                .map(String::len)
                .collect::<Vec<_>>(),
            [LINE_BYTES_MAX, 3, 3]
        );
    }
}
