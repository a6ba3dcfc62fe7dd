"""Any registry that speaks the OCI distribution protocol: names in one listing, each image by its manifest.

The protocol keeps no time of a push. The tags of the pipeline say when they were built; for another image its
configuration says when it was created, and only then that is read as well.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from bot.adapters.calls import Observe, measured, unobserved
from bot.adapters.fields import Json, entries, moment, section
from bot.adapters.registry import MEMORY_SECONDS, Examined, RegistryUnreachable, RepositoryUnknown, readable
from bot.adapters.registry_http import Transport
from bot.adapters.remembering import Remembering
from bot.domain import images
from bot.domain.tags import Names, StoredImage, named

PAGES = 20
MOST_IMAGES = 64
_PAGE = 1000
_LARGEST_LIST = 16 * 1024 * 1024
_LARGEST_MANIFEST = 4 * 1024 * 1024  # the limit that the specification gives registries
_LARGEST_CONFIG = 4 * 1024 * 1024
_AT_ONCE = 8
_FOR_GOOD = 24 * 3600.0  # what a digest names never changes
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    """What a manifest names: the configuration of an image, or of an `index` the manifest of its first image."""

    digest: str
    config: str | None
    child: str | None
    index: bool


class OciRegistry:
    """The registry at `url`. `prefix` is what stands before every repository in it; `timeout` bounds each request.

    `password` is asked whenever the registry wants to know it, so that it can be rotated while the bot runs.
    """

    def __init__(
        self,
        *,
        url: str,
        prefix: str = "",
        username: str | None = None,
        password: Callable[[], SecretStr] | None = None,
        timeout: float = 10,
        observe: Observe = unobserved,
    ) -> None:
        self._transport = Transport(url=url, username=username, password=password, timeout=timeout)
        self._prefix = prefix
        self._observe = observe
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._names: Remembering[str, Names] = Remembering(seconds=MEMORY_SECONDS, most=256)
        self._manifests: Remembering[tuple[str, str], _Manifest | None] = Remembering(seconds=MEMORY_SECONDS, most=4096)
        self._created: Remembering[tuple[str, str], datetime | None] = Remembering(seconds=_FOR_GOOD, most=4096)

    async def aclose(self) -> None:
        """Close the connections."""
        for memory in (self._names, self._manifests, self._created):
            await memory.aclose()
        await self._transport.aclose()

    async def names(self, repository: str) -> Names:
        """The tags of a repository; up to a minute old."""
        return await self._names.get(repository, lambda: self._list(repository))

    async def images(self, repository: str, references: Collection[str]) -> tuple[StoredImage, ...]:
        """The images that these tags and digests mean, each once; what is not there is left out.

        Of more than `MOST_IMAGES` references only the first are asked for.
        """
        wanted = [*dict.fromkeys(references)][:MOST_IMAGES]
        with measured(self._observe, system="registry", call="images"):
            found = await asyncio.gather(*(self._manifest(repository, reference) for reference in wanted))
            tags: dict[str, set[str]] = {}
            manifests: dict[str, _Manifest] = {}
            for reference, manifest in zip(wanted, found, strict=True):
                if manifest is not None:
                    manifests[manifest.digest] = manifest
                    tags.setdefault(manifest.digest, set()).update({reference} - {manifest.digest})
            timeless = [one for one in manifests.values() if not any(map(images.built_at, tags[one.digest]))]
            times = await asyncio.gather(*(self._time(repository, one) for one in timeless))
        created = {one.digest: time for one, time in zip(timeless, times, strict=True)}
        return tuple(
            StoredImage(
                digest=digest, tags=frozenset(tags[digest]), pushed_at=created.get(digest), index=manifest.index
            )
            for digest, manifest in manifests.items()
        )

    async def resolve(self, repository: str, reference: str) -> StoredImage | None:
        """The image that a tag or a digest means at this moment, never from memory; None when it is not there."""
        if not _may_name(reference):
            return None
        with measured(self._observe, system="registry", call="resolve"):
            manifest = await self._read(repository, reference)
        if manifest is None:
            return None
        tags = frozenset({reference} - {manifest.digest})
        return StoredImage(digest=manifest.digest, tags=tags, index=manifest.index)

    async def examine(self, repository: str) -> Examined:
        """The newest tag. Whether tags can be overwritten and what is deleted when, the protocol does not tell."""
        names = await self.names(repository)
        built = [at for tag in names.pushed if (at := images.built_at(tag))]
        return Examined(newest=max(built, default=None), names=names)

    async def check(self, repositories: Collection[str]) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        return await readable(self, repositories)

    async def _list(self, repository: str) -> Names:
        url, tags = f"{self._path(repository)}/tags/list?n={_PAGE}", set[str]()
        with measured(self._observe, system="registry", call="names"):
            for _ in range(PAGES):
                name = self._prefix + repository
                answer = await self._transport.get(url, repository=name, largest=_LARGEST_LIST)
                if answer.status == 404:
                    raise RepositoryUnknown(answer.content[:300].decode(errors="replace"))
                found = _object(answer.content).get("tags") or []
                tags |= {tag for tag in found if isinstance(tag, str) and _TAG.fullmatch(tag)}
                following = _next(answer.headers.get("link", ""))
                if not following:
                    return named(dict.fromkeys(tags), complete=True)
                url = str(answer.url.join(following))
        return named(dict.fromkeys(tags), complete=False)

    async def _manifest(self, repository: str, reference: str) -> _Manifest | None:
        """What a tag or a digest means, or None when it is not there; up to a minute old."""
        if not _may_name(reference):
            return None
        return await self._manifests.get((repository, reference), lambda: self._read(repository, reference))

    async def _read(self, repository: str, reference: str) -> _Manifest | None:
        content = await self._get(repository, f"manifests/{reference}", largest=_LARGEST_MANIFEST, accept=_MANIFESTS)
        if content is None:
            return None
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if images.is_digest(reference) and digest != reference:
            raise RegistryUnreachable(f"asked for {reference}, and got {digest}")
        document = _object(content)
        runnable = [one for one in entries(document, "manifests") if section(one, "platform").get("os") != "unknown"]
        return _Manifest(
            digest=digest,
            config=_digest(section(document, "config")),
            child=_digest(runnable[0]) if runnable else None,
            index="manifests" in document,
        )

    async def _time(self, repository: str, manifest: _Manifest) -> datetime | None:
        """When the image was created, as its configuration says."""

        async def read() -> datetime | None:
            child = await self._manifest(repository, manifest.child) if manifest.child else manifest
            if child is None or child.config is None:
                return None
            content = await self._get(repository, f"blobs/{child.config}", largest=_LARGEST_CONFIG)
            return moment(_object(content).get("created")) if content else None

        return await self._created.get((repository, manifest.digest), read)

    async def _get(self, repository: str, path: str, *, largest: int, accept: str = "*/*") -> bytes | None:
        """What is there, or None when nothing is."""
        async with self._at_once:
            answer = await self._transport.get(
                f"{self._path(repository)}/{path}", repository=self._prefix + repository, largest=largest, accept=accept
            )
        return answer.content if answer.status == 200 else None

    def _path(self, repository: str) -> str:
        return f"/v2/{quote(self._prefix + repository, safe='/')}"


def _may_name(reference: str) -> bool:
    """Whether this can be a tag or a digest; nothing else may get into an address."""
    return bool(_TAG.fullmatch(reference)) or images.is_digest(reference)


def _object(content: bytes) -> Json:
    """The JSON object in an answer."""
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RegistryUnreachable(f"not JSON: {content[:200]!r}") from error
    if not isinstance(found, dict):
        raise RegistryUnreachable(f"not an object: {content[:200]!r}")
    return found


def _digest(descriptor: Json) -> str | None:
    found = str(descriptor.get("digest") or "")
    return found if images.is_digest(found) else None


def _next(link: str) -> str | None:
    """The address of the next page: `</v2/name/tags/list?last=x&n=y>; rel="next"`."""
    found = httpx.Response(200, headers={"Link": link}).links.get("next", {}) if link else {}
    return found.get("url")
