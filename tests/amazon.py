"""Amazon ECR as moto plays it, on a free port of this machine, with made-up credentials."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

ACCOUNT, REGION = "123456789012", "ap-northeast-2"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}
"""Variables that keep AWS's tools from finding anything of the machine that runs the test."""


@contextmanager
def served() -> Iterator[str]:
    """The address of AWS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def repository(url: str, name: str) -> Iterator[Any]:
    """What the pipeline uses: a client of an ECR with this empty repository."""
    client = boto3.client("ecr", region_name=REGION, endpoint_url=url)
    client.create_repository(repositoryName=name)
    try:
        yield client
    finally:
        client.delete_repository(repositoryName=name, force=True)
        client.close()


def push(client: Any, name: str, *tags: str) -> str:
    """Push one image under these tags; its digest. moto makes it of the layers alone."""
    content = f"sha256:{hashlib.sha256(tags[0].encode()).hexdigest()}"
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": content, "size": 2}
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": content, "size": 2}
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]})
    pushed = [client.put_image(repositoryName=name, imageManifest=manifest, imageTag=tag) for tag in tags]
    [digest] = {one["image"]["imageId"]["imageDigest"] for one in pushed}
    return str(digest)


def keep(client: Any, name: str, number: int) -> None:
    """Have all images but the newest so many deleted."""
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": number}
    rules = [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]
    client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps({"rules": rules}))
