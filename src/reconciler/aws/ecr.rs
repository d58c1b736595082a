//! ECR: what the manifest's image is today.
//!
//! Reads only, and never a layer: whether the image is there, what its tag stands for, and for which platforms it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::signed::{Failure, Service};
use super::{AwsError, Clients, lacking};
use crate::reconciler::observed::Image;
use crate::reconciler::spec;
use crate::reconciler::spec::Reference;

const ECR: Service = Service {
    signing_name: "ecr",
    host: "api.ecr.{region}.amazonaws.com",
    region: None,
};
const DESCRIBE: &str = "ecr:DescribeImages";
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";

/// What BatchGetImage may answer with; a kind that is not named is converted, or refused.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html>
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The image a reference stands for. One read when there is none, two when there is.
pub async fn image(aws: &Clients, image: &spec::Image) -> Result<Image, AwsError> {
    let Described {
        digest,
        size_bytes,
        tags: _,
        manifest,
    } = match described(aws, image).await? {
        Ok(described) => described,
        Err(reason) => return Ok(Image::Missing { reason }),
    };
    Ok(Image::Found {
        digest,
        size_bytes,
        platforms: platforms(&manifest),
    })
}

/// By what else an image is known.
pub struct Build {
    /// Its own, and where it is an index those of the images in it.
    pub digests: BTreeSet<String>,
    /// All of its tags.
    pub tags: BTreeSet<String>,
}

/// What a running task of the image can be recognised by. An image that is not there is an error.
pub async fn build(aws: &Clients, image: &spec::Image) -> Result<Build, AwsError> {
    let described = described(aws, image).await?;
    let described = described.map_err(|reason| AwsError {
        operation: DESCRIBE,
        reason,
        retryable: false,
    })?;
    let parts = described.manifest["manifests"].as_array();
    let parts = parts.into_iter().flatten();
    let parts = parts.filter_map(|part| part["digest"].as_str().map(str::to_owned));
    Ok(Build {
        digests: parts.chain([described.digest]).collect(),
        tags: described.tags,
    })
}

/// All that ECR says of one image.
struct Described {
    digest: String,
    size_bytes: u64,
    tags: BTreeSet<String>,
    manifest: Value,
}

/// ECR's words where there is no such image.
async fn described(
    aws: &Clients,
    image: &spec::Image,
) -> Result<Result<Described, String>, AwsError> {
    let id = match &image.reference {
        Reference::Tag(tag) => json!({ "imageTag": tag }),
        Reference::Digest(digest) => json!({ "imageDigest": digest }),
    };
    let input = json!({
        "registryId": image.account, "repositoryName": image.repository, "imageIds": [id],
    });
    let reply = match aws.signed.json(ECR, DESCRIBE, TARGET, &input).await {
        Err(Failure {
            code: Some(code),
            message,
            error: _,
        }) if ["ImageNotFoundException", "RepositoryNotFoundException"]
            .contains(&code.as_str()) =>
        {
            return Ok(Err(message));
        }
        reply => reply?,
    };
    let detail = &reply["imageDetails"][0];
    let digest = detail["imageDigest"]
        .as_str()
        .ok_or_else(|| lacking(DESCRIBE, "imageDigest"))?
        .to_owned();
    let size_bytes = detail["imageSizeInBytes"].as_u64().unwrap_or_default();
    let tags = detail["imageTags"].as_array().into_iter().flatten();
    let tags = tags.filter_map(|tag| tag.as_str().map(str::to_owned));
    let tags = tags.collect();
    let input = json!({
        "registryId": image.account, "repositoryName": image.repository, "imageIds": [{ "imageDigest": digest }],
        "acceptedMediaTypes": MEDIA_TYPES,
    });
    let reply = aws
        .signed
        .json(ECR, "ecr:BatchGetImage", TARGET, &input)
        .await?;
    let manifest = reply["images"][0]["imageManifest"].as_str();
    let manifest: Value = manifest
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    Ok(Ok(Described {
        digest,
        size_bytes,
        tags,
        manifest,
    }))
}

/// Those an index names. Attestations stand in it as images of the platform `unknown/unknown`.
/// <https://docs.docker.com/build/metadata/attestations/attestation-storage/>
fn platforms(manifest: &Value) -> BTreeSet<String> {
    let images = manifest["manifests"].as_array().into_iter().flatten();
    images
        .filter_map(|image| {
            let platform = &image["platform"];
            let (os, architecture) = (platform["os"].as_str()?, platform["architecture"].as_str()?);
            (os != "unknown").then(|| format!("{os}/{architecture}"))
        })
        .collect()
}
