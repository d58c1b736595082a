//! Whose change it is: as the command line says, else GitHub Actions, else git; else nobody knows.

use std::path::Path;
use std::process::Command;

/// Who publishes.
#[derive(clap::Args)]
pub struct Author {
    /// Who it is; without it, the author of the commit, or the user of this machine
    #[arg(long, env = "GITHUB_ACTOR", value_name = "NAME")]
    author: Option<String>,
}

/// Who publishes what.
#[derive(clap::Args)]
pub struct Origin {
    #[command(flatten)]
    author: Author,
    /// The commit the manifest is of; without it, what is checked out beside the manifest, `-dirty` if that is not all
    #[arg(long, env = "GITHUB_SHA", value_name = "SHA")]
    commit: Option<String>,
}

impl Author {
    /// As the command line or GitHub says.
    pub fn given(&self) -> Option<String> {
        self.author.clone().filter(|text| !text.is_empty())
    }

    /// The same, or who sits here.
    pub fn here(&self) -> Option<String> {
        self.given().or_else(|| std::env::var("USER").ok())
    }
}

impl Origin {
    /// Author and commit of a manifest file.
    pub fn of(&self, manifest: &Path) -> (Option<String>, Option<String>) {
        let Origin { author, commit } = self;
        let directory = match manifest.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let author = author
            .given()
            .or_else(|| git(directory, &["log", "-1", "--format=%an"]));
        let commit = commit.clone().filter(|text| !text.is_empty());
        let describe = [
            "describe",
            "--always",
            "--dirty",
            "--abbrev=40",
            "--exclude=*",
        ];
        (author, commit.or_else(|| git(directory, &describe)))
    }
}

/// What git prints; nothing where there is no git, no repository or no commit.
fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
