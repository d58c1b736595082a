//! Compares a text with the file that holds what it should be.

use std::path::{Path, PathBuf};

/// Where such a file is.
pub fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reconciler")
        .join(file)
}

/// Panics with both texts where they differ; with `BLESS=1` in the environment the file is rewritten instead.
pub fn check(file: &str, found: &str) {
    let path = path(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 writes it", path.display()));
    assert!(
        expected == found,
        "{} is not what was found; BLESS=1 rewrites it\n--- expected\n{expected}\n--- found\n{found}",
        path.display()
    );
}
