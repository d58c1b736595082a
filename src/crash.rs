//! Named places where a process can be made to die, so that a test can kill it between any two steps.
//!
//! Takes the name of a place; in a debug build whose environment has `CRASH_AT` with that name the process ends there by SIGKILL, as
//! `kill -9` would end it: nothing is flushed, dropped or said. `CRASH_AT=name:3` dies the third time the place is reached. In a release
//! build the call is empty.

/// Every place, in the order in which one deployment passes them.
pub const POINTS: &[&str] = &[
    "before-accept",
    "after-accept",
    "after-preflight",
    "after-sign",
    "before-save-signed",
    "after-save-signed",
    "before-send",
    "after-send",
    "before-save-broadcast",
    "after-save-broadcast",
    "before-save-replacement",
    "after-save-replacement",
    "before-save-mined",
    "after-save-mined",
    "before-save-deployed",
    "after-save-deployed",
    "before-save-ended",
    "after-save-ended",
    "before-settle",
    "after-settle",
    "before-release",
    "before-webhook",
    "after-webhook",
];

/// Ends the process here if it was asked to.
#[cfg(debug_assertions)]
pub fn at(point: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let text = std::env::var("CRASH_AT").ok()?;
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_string(), times.parse().ok()?))
            .map(|(name, times): (String, u32)| (name, AtomicU32::new(times)))
    });
    debug_assert!(POINTS.contains(&point), "{point} is not listed");
    if let Some((name, left)) = WANTED.as_ref()
        && name == point
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        // It cannot fail, and if it did there would be nothing better to do.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing: a release build has no such places.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn at(_point: &str) {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::POINTS;

    #[test]
    fn every_listed_place_is_in_the_code_and_every_place_in_the_code_is_listed() {
        let mut found = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs")
                    && !path.ends_with("crash.rs")
                {
                    let text = std::fs::read_to_string(path).unwrap();
                    for part in text.split("crash::at(\"").skip(1) {
                        let name = part.split('"').next().unwrap();
                        assert!(POINTS.contains(&name), "{name} is not listed");
                    }
                    // Where a state decides which place it is, the names stand in a table.
                    found.extend(
                        POINTS
                            .iter()
                            .copied()
                            .filter(|name| text.contains(&format!("\"{name}\""))),
                    );
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        let mut listed: Vec<&str> = POINTS.to_vec();
        listed.sort_unstable();
        assert_eq!(found, listed);
    }
}
