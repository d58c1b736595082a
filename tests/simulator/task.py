"""A task as any program with boto3 is one: says who it is and what it may, as one line of JSON, for the test that started it."""

import json
import os
import urllib.error
import urllib.request

import boto3
from botocore.exceptions import ClientError


def parameter(name):
    try:
        return boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        return error.response["Error"]["Code"]


def with_another_token():
    request = urllib.request.Request(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"authorization": "another"})
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


credentials = boto3.Session().get_credentials()
said = {"region": boto3.Session().region_name, "method": credentials and credentials.method}
if credentials:
    said["arn"] = boto3.client("sts").get_caller_identity()["Arn"]
    said["parameters"] = [parameter("/its/own"), parameter("/another")]
    said["another token"] = with_another_token()
    said["url"] = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    said["token"] = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
print(json.dumps(said))
