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
    let operation = "ecr:DescribeImages";
    let id = match &image.reference {
        Reference::Tag(tag) => json!({ "imageTag": tag }),
        Reference::Digest(digest) => json!({ "imageDigest": digest }),
    };
    let input = json!({
        "registryId": image.account, "repositoryName": image.repository, "imageIds": [id],
    });
    let reply = match aws.signed.json(ECR, operation, TARGET, &input).await {
        Err(Failure {
            code: Some(code),
            message,
            error: _,
        }) if ["ImageNotFoundException", "RepositoryNotFoundException"]
            .contains(&code.as_str()) =>
        {
            return Ok(Image::Missing { reason: message });
        }
        reply => reply?,
    };
    let detail = &reply["imageDetails"][0];
    let digest = detail["imageDigest"]
        .as_str()
        .ok_or_else(|| lacking(operation, "imageDigest"))?
        .to_owned();
    let size_bytes = detail["imageSizeInBytes"].as_u64().unwrap_or_default();
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
    Ok(Image::Found {
        digest,
        size_bytes,
        platforms: platforms(&manifest),
    })
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
