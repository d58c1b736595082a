//! Image manifests and indexes: what ECR reads out of them.
//!
//! Takes a manifest's text, gives its kind, size and what it refers to. The digest is of the text as pushed, byte by byte.

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The parts of a manifest that ECR shows.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    /// The configuration's type: tells an image from other things that are stored alike.
    pub(super) artifact: Option<String>,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// An image: the bytes of its layers.
    Image(u64),
    /// An index: the digests of its images.
    Index(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

/// The types ECR keeps of each kind (docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html); the
/// first is what a text without a type is taken for.
const IMAGES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

impl Manifest {
    /// Reads a manifest; `media_type` is what the caller says it is when the text does not.
    pub(super) fn parse(text: &str, media_type: Option<&str>) -> Option<Self> {
        let Document {
            schema_version,
            media_type: own,
            config,
            layers,
            manifests,
        } = serde_json::from_str(text).ok()?;
        if schema_version != 2 {
            return None;
        }
        let content = match (&config, layers, manifests) {
            (Some(_), Some(layers), None) => Content::Image(
                layers
                    .iter()
                    .fold(0, |sum, layer| sum.saturating_add(layer.size)),
            ),
            (None, None, Some(manifests)) => Content::Index(
                manifests
                    .into_iter()
                    .map(|manifest| manifest.digest)
                    .collect(),
            ),
            _ => return None,
        };
        let known = match content {
            Content::Image(_) => IMAGES,
            Content::Index(_) => INDEXES,
        };
        let media_type = own.or(media_type.map(str::to_owned));
        let media_type = media_type.unwrap_or_else(|| known[0].to_owned());
        known.contains(&media_type.as_str()).then_some(Manifest {
            media_type,
            artifact: config.map(|config| config.media_type),
            content,
        })
    }
}

/// `sha256:…` of a manifest's text.
pub fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}
