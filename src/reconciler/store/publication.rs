//! One publication: what is to be enforced from then on, by whom, why, and how that is written into a parameter. Pure.
//!
//! What is kept is the *manifest*, rendered, and not the Spec it is believed to be: whoever reads it believes it anew, with the same checks and the
//! same words for what is wrong, so a field the program gains later needs no migration, and a Spec nobody would believe
//! cannot be smuggled in. The price is that a default is the reader's. Around it is a small JSON header, so that
//! `aws ssm get-parameter` tells a person whose publication it is.

use serde::{Deserialize, Serialize};

use super::packed::{pack, unpack};
use crate::reconciler::manifest::{Manifest, Problem};
use crate::reconciler::spec::Spec;
use crate::timestamp;

/// How publications are written; a reader refuses a higher one by its number instead of misreading it.
const FORMAT: u32 = 1;
/// What a parameter of the Standard tier holds.
pub const VALUE_BYTES_MAX: usize = 4096;
/// Of authors, commits and reasons, which share the parameter with the manifest: a name is short.
const WORDS_MAX: usize = 200;

/// What was published, in the order of the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// From 1; the highest is in force.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// What it says.
    pub draft: Draft,
}

/// A publication before it has a number and a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The manifest all layers made together, as YAML; absent: nothing is to be enforced.
    pub manifest: Option<String>,
    /// Who.
    pub author: Option<String>,
    /// Of which git commit, or what else stands for one.
    pub commit: Option<String>,
    /// Why.
    pub cause: Cause,
}

/// What led to a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "camelCase")]
pub enum Cause {
    /// `reconcile` accepted a manifest.
    Reconcile,
    /// The manifest of an older publication again.
    RollBack {
        /// That one. All between it and this one are superseded.
        to: u64,
        /// Because ECS gave up on the revision; otherwise a person asked.
        automatic: bool,
        /// ECS's words, or the person's.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// `destroy`: from here on there is nothing to enforce.
    Destroy,
}

/// The parameter's value.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    #[serde(with = "timestamp::text")]
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(flatten)]
    cause: Cause,
    /// Packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
}

/// Only as much of a value as says whether the rest can be read.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

impl Publication {
    /// Believes the manifest again; absent where nothing is to be enforced.
    pub fn believe(&self, unit: &str) -> Option<Result<(Manifest, Spec), Vec<Problem>>> {
        let text = self.draft.manifest.as_ref()?;
        let file = format!("publication {} of {unit}", self.number);
        let believed = Manifest::parse(&file, text)
            .map_err(|problem| vec![problem])
            .and_then(|manifest| {
                let spec = Spec::believe(&manifest)?;
                Ok((manifest, spec))
            });
        Some(believed)
    }
}

impl Draft {
    /// The whole unit as an older publication has it.
    pub fn back_to(
        target: &Publication,
        author: Option<String>,
        reason: Option<String>,
        automatic: bool,
    ) -> Draft {
        Draft {
            manifest: target.draft.manifest.clone(),
            author,
            commit: target.draft.commit.clone(),
            cause: Cause::RollBack {
                to: target.number,
                automatic,
                reason,
            },
        }
    }
}

/// What goes into the parameter; or its length in bytes, where that is more than a parameter holds.
pub fn write(draft: &Draft, at: u64) -> Result<String, usize> {
    let Draft {
        manifest,
        author,
        commit,
        cause,
    } = draft;
    // Packing writes to memory, which does not fail; if it did, nothing would fit.
    let packed = manifest.as_deref().map(pack).transpose();
    let written = Written {
        format: FORMAT,
        at,
        author: author.as_deref().map(short),
        commit: commit.as_deref().map(short),
        cause: match cause {
            Cause::RollBack {
                to,
                automatic,
                reason,
            } => Cause::RollBack {
                to: *to,
                automatic: *automatic,
                reason: reason.as_deref().map(short),
            },
            Cause::Reconcile | Cause::Destroy => cause.clone(),
        },
        manifest: packed.map_err(|_| usize::MAX)?,
    };
    let value = serde_json::to_string(&written).map_err(|_| usize::MAX)?;
    match value.len() > VALUE_BYTES_MAX {
        true => Err(value.len()),
        false => Ok(value),
    }
}

/// A parameter's value read back, or why it cannot be.
pub fn read(number: u64, value: &str) -> Result<Publication, String> {
    let format = readable(value)?;
    if format > FORMAT {
        return Err(format!(
            "is of format {format}, and this program reads up to {FORMAT}: use the one that wrote it, or a newer"
        ));
    }
    let Written {
        format: _,
        at,
        author,
        commit,
        cause,
        manifest,
    } = serde_json::from_str(value).map_err(|error| error.to_string())?;
    Ok(Publication {
        number,
        at,
        draft: Draft {
            manifest: manifest.as_deref().map(unpack).transpose()?,
            author,
            commit,
            cause,
        },
    })
}

/// The format a value says it has.
pub fn readable(value: &str) -> Result<u32, String> {
    let header: Header = serde_json::from_str(value).map_err(|error| error.to_string())?;
    Ok(header.format)
}

/// At most so many characters, on one line: these words are printed in lists.
pub fn short(text: &str) -> String {
    let clean = text.chars().map(|letter| match letter.is_control() {
        true => ' ',
        false => letter,
    });
    clean.take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(manifest: Option<&str>) -> Draft {
        Draft {
            manifest: manifest.map(str::to_owned),
            author: Some("alice".to_owned()),
            commit: None,
            cause: Cause::RollBack {
                to: 7,
                automatic: true,
                reason: Some("two\nlines".to_owned()),
            },
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_its_header_is_legible() {
        let manifest = include_str!("../../../manifests/development.yaml");
        let value = write(&draft(Some(manifest)), 0).unwrap();
        let header = "{\"format\":1,\"at\":\"1970-01-01T00:00:00.000Z\",\"author\":\"alice\",\"cause\":\"rollBack\",\"to\":7,";
        assert!(value.starts_with(header), "{value}");
        let again = read(9, &value).unwrap();
        assert_eq!((again.number, again.at), (9, 0));
        assert_eq!(again.draft.manifest.as_deref(), Some(manifest));
        let Cause::RollBack { reason, .. } = &again.draft.cause else {
            panic!("{again:?}")
        };
        assert_eq!(reason.as_deref(), Some("two lines"));
        let nothing = write(&draft(None), 0).unwrap();
        assert_eq!(read(1, &nothing).unwrap().draft.manifest, None);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_size() {
        // Hex digests deflate to no less than half.
        let noise: String = (0..200_u32)
            .map(|n| {
                use sha2::Digest as _;
                hex::encode(sha2::Sha256::digest(n.to_be_bytes()))
            })
            .collect();
        let bytes = write(&draft(Some(&noise)), 0).unwrap_err();
        assert!((6400..12_800).contains(&bytes), "{bytes}");
    }

    #[test]
    fn what_is_not_ours_or_newer_is_refused_by_name() {
        let bomb = pack(&" ".repeat(300_000)).unwrap();
        let rows = [
            ("", "EOF"),
            ("x", "expected value"),
            ("{\"format\":2,\"shape\":\"unknown\"}", "is of format 2"),
            ("{\"format\":1}", "missing field"),
            (
                &format!(
                    "{{\"format\":1,\"at\":\"1970-01-01T00:00:00Z\",\"cause\":\"reconcile\",\"manifest\":\"{bomb}\"}}"
                ),
                "unpacks to more than",
            ),
        ];
        for (value, expected) in rows {
            let error = read(1, value).unwrap_err();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }
}
