//! The documents' commands, run by scripts/docs.py.

use crate::{files, read, root};
use std::path::Path;
use std::process::{Command, Output};

/// The documents' script with this test's binaries; whatever it leaves would be in a directory of this test.
fn script(argument: Option<&str>, directory: &Path) -> Output {
    let binaries = Path::new(env!("CARGO_BIN_EXE_simulator")).parent().unwrap();
    Command::new("python3")
        .arg("scripts/docs.py")
        .args(argument)
        .current_dir(root())
        .env("LOCAL_BINARIES", binaries)
        .env("LOCAL_DIRECTORY", directory)
        .output()
        .unwrap()
}

#[test]
fn every_command_works_as_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let output = script(None, directory.path());
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(printed.contains(" blocks ran in "), "{printed}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn every_block_of_commands_runs_or_says_why_not() {
    let output = script(Some("--list"), root());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// The rules of blocks.py, on a document that breaks each.
#[test]
fn a_block_without_a_label_or_with_another_output_is_refused() {
    let rows = [
        ("```\nls\n```\n", "x:1: ``` is none of"),
        ("```bash\nls\n```\n", "x:1: ```bash is none of"),
        ("```sh later\nls\n```\n", "x:1: after ```sh comes"),
        ("```sh account:\nls\n```\n", "x:1: after ```sh comes"),
        ("```js later\n1\n```\n", "x:1: after ```js comes"),
        ("text\n```sh\nls\n", "x:2: this fence does not end"),
    ];
    for (text, expected) in rows {
        assert!(
            python(&format!("blocks.parse('x', {text:?})")).contains(expected),
            "{text}"
        );
    }
    let rows = [
        ("['a', 'b']", "a\\nx\\nb", "None"),
        ("['b', 'a']", "a\\nx\\nb", "a"),
        ("['a…c']", "abc", "None"),
        ("['a…c']", "abcd", "a…c"),
        ("['.']", "a", "."),
    ];
    for (expected, printed, absent) in rows {
        let said = python(&format!("print(blocks.missing({expected}, '{printed}'))"));
        assert_eq!(said.trim(), absent, "{expected} {printed}");
    }
}

fn python(expression: &str) -> String {
    let output = Command::new("python3")
        .args(["-c", &format!("from local import blocks\n{expression}")])
        .current_dir(root())
        .env("PYTHONPATH", "scripts")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    text(output.stdout) + &text(output.stderr)
}

#[test]
fn pictures_are_of_the_present_sources() {
    use sha2::Digest as _;
    let sources = files("docs", ".mmd");
    assert!(!sources.is_empty());
    for source in sources {
        let picture = source.replace(".mmd", ".svg");
        let digest = hex::encode(sha2::Sha256::digest(read(&source)));
        assert!(
            read(&picture).contains(&digest),
            "{picture} is not of the present {source}: run make diagram"
        );
    }
}
