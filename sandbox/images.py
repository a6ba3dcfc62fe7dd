"""The images that were pushed: repositories, tags, manifests and their digests, as an OCI registry keeps them.

A digest is the real SHA-256 of the manifest's bytes. The time of the push is not part of the protocol, so it is also
written into the image's configuration as `created`, where a reader of the protocol finds it.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox import timeline

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One pushed image; `manifest` and `config` are the exact bytes their digests are of."""

    repository: str
    digest: str
    manifest: bytes
    config: bytes
    config_digest: str
    pushed_at: datetime


@dataclass(slots=True)
class Repository:
    """The images of one name by digest, and the digest of each tag."""

    tags: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)


class Images:
    """Every repository of the registry; repositories exist from the start, empty, as they do in ECR."""

    def __init__(self, repositories: Iterable[str]) -> None:
        self.repositories = {name: Repository() for name in repositories}

    def push(self, repository: str, *, tags: Iterable[str], revision: str, at: datetime) -> Image:
        """Store the image built from a revision and point the tags to it."""
        config = _encode(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": timeline.rfc3339(at),
                "config": {"Labels": {"org.opencontainers.image.revision": revision}},
                "rootfs": {"type": "layers", "diff_ids": [_digest(revision.encode())]},
            }
        )
        manifest = _encode(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": _digest(config), "size": len(config)},
                "layers": [{"mediaType": LAYER, "digest": _digest(revision.encode()), "size": 52_428_800}],
            }
        )
        image = Image(
            repository=repository,
            digest=_digest(manifest),
            manifest=manifest,
            config=config,
            config_digest=_digest(config),
            pushed_at=at,
        )
        stored = self.repositories[repository]
        stored.images[image.digest] = image
        stored.tags.update(dict.fromkeys(tags, image.digest))
        return image

    def delete(self, repository: str, reference: str) -> None:
        """Delete the image that a tag or a digest means, with every tag it has."""
        stored = self.repositories[repository]
        digest = stored.tags.get(reference, reference)
        del stored.images[digest]
        stored.tags = {tag: known for tag, known in stored.tags.items() if known != digest}

    def find(self, repository: str, reference: str) -> Image | None:
        """The image a tag or a digest means, or None."""
        stored = self.repositories.get(repository)
        return stored.images.get(stored.tags.get(reference, reference)) if stored else None


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
