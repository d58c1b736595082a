//! Times as JSON has them.
//!
//! Takes milliseconds since 1970, gives text. Pure.

use time::OffsetDateTime;

/// Milliseconds since 1970 as ISO 8601 with milliseconds, UTC: what JavaScript's `toISOString` gives.
pub fn iso(ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::iso;

    #[test]
    fn times_look_as_javascript_writes_them() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(1_757_500_000_123), "2025-09-10T10:26:40.123Z");
    }
}
