"""ECR: a repository, the images in it, and the image the account starts with."""

import base64
import hashlib
import json

# What it takes, it takes from anybody.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
EXEMPT = {"GetAuthorizationToken": "its one member is deprecated and ignored"}

IMAGE, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
POLICY = json.dumps({"rules": [{
    "rulePriority": 1, "description": "keep ten images", "action": {"type": "expire"},
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10}}]})


def manifest(number, size=1000):
    """An image's manifest; no two numbers have the same."""
    blob = f"sha256:{number:064x}"
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": blob, "size": size}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blob, "size": 2}
    return json.dumps({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]})


def digest(text):
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def drive(t):
    client = t.client("ecr")
    held(t, client)
    name = t.unique("hokusai/made")
    repository(t, client, name)
    images(t, client, name)
    listed(t, client)
    t.refused("it is not empty", "RepositoryNotEmptyException", client.delete_repository, http=400, repositoryName=name)
    t.same("deleted with its images", client.delete_repository(repositoryName=name, force=True)["repository"]
           ["repositoryName"], name)
    t.refused("gone", "RepositoryNotFoundException", client.describe_repositories, repositoryNames=[name])
    t.refused("nothing to delete", "RepositoryNotFoundException", client.delete_repository, repositoryName=name)


def held(t, client):
    """The image the account starts with: its digest is its manifest's, its platform in the index, its size its layers'."""
    name = t.account["repository"]
    read = client.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "0.1.0"}])["images"][0]
    t.same("a digest is the manifest's", digest(read["imageManifest"]), read["imageId"]["imageDigest"])
    t.same("the digest is the one told", read["imageId"]["imageDigest"], t.account["image_digest"])
    index = json.loads(read["imageManifest"])
    platforms = [(one["platform"]["os"], one["platform"]["architecture"]) for one in index.get("manifests", [])]
    t.same("one platform", (read["imageManifestMediaType"], platforms), (INDEX, [("linux", "amd64")]))
    children = [{"imageDigest": one["digest"]} for one in index.get("manifests", [])] or [read["imageId"]]
    images = client.batch_get_image(repositoryName=name, imageIds=children)["images"]
    layers = sum(layer["size"] for one in images for layer in json.loads(one["imageManifest"])["layers"])
    detail = client.describe_images(repositoryName=name, imageIds=[{"imageTag": "0.1.0"}])["imageDetails"][0]
    t.same("an index is as large as its image", (detail.get("imageSizeInBytes"), layers), (12_163_481, 12_163_481))
    t.same("described", (detail["imageTags"], detail["imageManifestMediaType"], detail["registryId"]),
           (["0.1.0"], INDEX, t.account["id"]))


def repository(t, client, name):
    tags = [{"Key": "app", "Value": "contracts"}]
    made = client.create_repository(repositoryName=name, tags=tags)["repository"]
    arn = f"arn:aws:ecr:us-east-1:{t.account['id']}:repository/{name}"
    shown = {key: value for key, value in made.items() if key != "createdAt"}
    t.same("what is not said of a repository", shown, {
        "repositoryArn": arn, "registryId": t.account["id"], "repositoryName": name,
        "repositoryUri": f"{t.account['id']}.dkr.ecr.us-east-1.amazonaws.com/{name}", "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False}, "encryptionConfiguration": {"encryptionType": "AES256"}})
    t.refused("a second of the name", "RepositoryAlreadyExistsException", client.create_repository, http=400,
              repositoryName=name)
    t.refused("a name in capitals", "InvalidParameterException", client.create_repository, repositoryName="Hokusai")
    t.refused("no such repository", "RepositoryNotFoundException", client.describe_repositories,
              repositoryNames=["absent"])
    t.refused("another registry", "RepositoryNotFoundException", client.list_images, repositoryName=name,
              registryId="000000000000")

    client.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})
    read = client.describe_repositories(repositoryNames=[name])["repositories"][0]
    t.same("scanning is set", read["imageScanningConfiguration"], {"scanOnPush": True})
    t.refused("scanning of nothing", "RepositoryNotFoundException", client.put_image_scanning_configuration,
              repositoryName="absent", imageScanningConfiguration={"scanOnPush": True})

    t.refused("no lifecycle policy", "LifecyclePolicyNotFoundException", client.get_lifecycle_policy,
              repositoryName=name)
    client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=POLICY)
    t.same("the lifecycle policy", client.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"], POLICY)
    t.refused("a policy without rules", "InvalidParameterException", client.put_lifecycle_policy, repositoryName=name,
              lifecyclePolicyText=json.dumps({"rules": [], "padding": "x" * 100}))
    t.same("the policy that is deleted", client.delete_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"],
           POLICY)
    t.refused("no policy to delete", "LifecyclePolicyNotFoundException", client.delete_lifecycle_policy,
              repositoryName=name)

    client.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "x"}])
    client.untag_resource(resourceArn=arn, tagKeys=["app"])
    t.same("tags", client.list_tags_for_resource(resourceArn=arn)["tags"], [{"Key": "team", "Value": "x"}])
    for what, call, more in (("of", client.list_tags_for_resource, {}),
                             ("on", client.tag_resource, {"tags": [{"Key": "a", "Value": "b"}]}),
                             ("off", client.untag_resource, {"tagKeys": ["a"]})):
        t.refused(f"tags {what} nothing", "RepositoryNotFoundException", call, resourceArn=f"{arn}-absent", **more)

    token = client.get_authorization_token()["authorizationData"][0]
    t.same("a token for docker", base64.b64decode(token["authorizationToken"])[:4], b"AWS:")
    t.same("and for whom", token["proxyEndpoint"], f"https://{t.account['id']}.dkr.ecr.us-east-1.amazonaws.com")


def images(t, client, name):
    def put(number, **arguments):
        return client.put_image(repositoryName=name, imageManifest=manifest(number), **arguments)["image"]

    one = put(1, imageTag="one", imageManifestMediaType=IMAGE)
    t.same("the digest is AWS's to tell", one["imageId"], {"imageDigest": digest(manifest(1)), "imageTag": "one"})
    put(1, imageTag="two")
    put(2)
    t.refused("the same again", "ImageAlreadyExistsException", client.put_image, http=400, repositoryName=name,
              imageManifest=manifest(1), imageTag="one")
    t.refused("a manifest that is none", "InvalidParameterException", client.put_image, repositoryName=name,
              imageManifest="{}", imageTag="none")
    t.refused("another digest than it has", "ImageDigestDoesNotMatchException", client.put_image, repositoryName=name,
              imageManifest=manifest(3), imageDigest=digest("x"))
    t.refused("an index of nothing", "ReferencedImagesNotFoundException", client.put_image, repositoryName=name,
              imageManifest=json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
                  {"mediaType": IMAGE, "digest": digest("x"), "size": 1}]}))

    # Tags that move, tags that do not.
    put(3, imageTag="one")
    t.same("a tag moves", client.describe_images(repositoryName=name, imageIds=[{"imageTag": "one"}])["imageDetails"][0]
           ["imageDigest"], digest(manifest(3)))
    client.put_image_tag_mutability(repositoryName=name, imageTagMutability="IMMUTABLE")
    t.refused("a tag that must not move", "ImageTagAlreadyExistsException", client.put_image, repositoryName=name,
              imageManifest=manifest(4), imageTag="one")
    t.refused("a mutability nobody has", "InvalidParameterException", client.put_image_tag_mutability,
              repositoryName=name, imageTagMutability="SOMETIMES")

    # Reads.
    read = client.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "one"}, {"imageTag": "absent"}, {}])
    t.same("read to the byte", [image["imageManifest"] for image in read["images"]], [manifest(3)])
    t.same("and why not", [(one["imageId"].get("imageTag"), one["failureCode"]) for one in read["failures"]],
           [("absent", "ImageNotFound"), (None, "MissingDigestAndTag")])
    t.refused("images of nothing", "RepositoryNotFoundException", client.batch_get_image, repositoryName="absent",
              imageIds=[{"imageTag": "one"}])
    untagged = client.describe_images(repositoryName=name, filter={"tagStatus": "UNTAGGED"})["imageDetails"]
    t.same("an image without a tag", [(one["imageDigest"], "imageTags" in one) for one in untagged],
           [(digest(manifest(2)), False)])
    t.same("its size is its layers'", [one.get("imageSizeInBytes") for one in untagged], [1000])
    t.refused("no such image", "ImageNotFoundException", client.describe_images, repositoryName=name,
              imageIds=[{"imageTag": "absent"}])
    ids = client.list_images(repositoryName=name)["imageIds"]
    t.same("listed once a tag", sorted((one["imageDigest"], one.get("imageTag", "")) for one in ids),
           sorted([(digest(manifest(1)), "two"), (digest(manifest(2)), ""), (digest(manifest(3)), "one")]))

    # Deletion.
    client.put_image(repositoryName=name, imageManifest=manifest(3), imageTag="three")
    gone = client.batch_delete_image(repositoryName=name, imageIds=[
        {"imageTag": "three"}, {"imageDigest": digest(manifest(2))}, {"imageTag": "absent"}])
    t.same("a tag goes alone while there are others", gone["imageIds"],
           [{"imageDigest": digest(manifest(3)), "imageTag": "three"}, {"imageDigest": digest(manifest(2))}])
    t.same("what was not there", [one["failureCode"] for one in gone["failures"]], ["ImageNotFound"])
    left = client.list_images(repositoryName=name)["imageIds"]
    t.same("what is left", sorted(one.get("imageTag", "") for one in left), ["one", "two"])
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": IMAGE, "digest": digest(manifest(3)), "size": len(manifest(3)),
         "platform": {"os": "linux", "architecture": "amd64"}}]})
    client.put_image(repositoryName=name, imageManifest=index, imageTag="index")
    kept = client.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": digest(manifest(3))}])
    t.same("an image of an index stays", [one["failureCode"] for one in kept["failures"]],
           ["ImageReferencedByManifestList"])
    t.refused("nothing to delete from", "RepositoryNotFoundException", client.batch_delete_image,
              repositoryName="absent", imageIds=[{"imageTag": "one"}])


def listed(t, client):
    names = [client.create_repository(repositoryName=t.unique("hokusai/page"))["repository"]["repositoryName"]
             for _ in range(3)]
    pages = client.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
    found = [[one["repositoryName"] for one in page["repositories"]] for page in pages]
    t.same("repositories in pages", [len(page) for page in found], [2, 2, 1])
    t.same("each once", set(names) <= {name for page in found for name in page}, True)
    for each in names:
        client.delete_repository(repositoryName=each)
