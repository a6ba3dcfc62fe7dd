"""Amazon ECR through boto3, which is installed with the extra `ecr` and imported nowhere else, and only when asked.

boto3 is synchronous and its clients may be shared by threads, so there are two threads and one client. Credentials and
an address other than AWS's own (`AWS_ENDPOINT_URL_ECR`) are found as every AWS tool finds them. One listing tells all
about a repository, findings of scans included; ECR gives it in no order, so it is read to its end.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from bot.adapters.calls import Observe, measured, unobserved
from bot.adapters.fields import entries, section
from bot.adapters.registry import (
    MEMORY_SECONDS,
    Examined,
    RegistryBusy,
    RegistryError,
    RegistryForbidden,
    RegistryUnreachable,
    RepositoryUnknown,
    readable,
)
from bot.adapters.remembering import Remembering
from bot.domain import images, lifecycle
from bot.domain.lifecycle import Policy
from bot.domain.tags import Findings, Names, StoredImage, named

PAGES = 20
_PAGE = 1000
_THREADS = 2
_CONNECT_SECONDS = 3
_READ_SECONDS = 8
_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.(amazonaws\.com(\.cn)?|on\.(aws|amazonwebservices\.com\.cn))"
)
_ERRORS: Mapping[str, type[RegistryError]] = {
    "RepositoryNotFoundException": RepositoryUnknown,
    "AccessDenied": RegistryForbidden,
    "AccessDeniedException": RegistryForbidden,
    "ExpiredTokenException": RegistryForbidden,
    "InvalidClientTokenId": RegistryForbidden,
    "InvalidSignatureException": RegistryForbidden,
    "UnrecognizedClientException": RegistryForbidden,
    "RequestLimitExceeded": RegistryBusy,
    "Throttling": RegistryBusy,
    "ThrottlingException": RegistryBusy,
    "TooManyRequestsException": RegistryBusy,
}
_INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
_Result = TypeVar("_Result")


def place(host: str) -> tuple[str, str] | None:
    """Account and region in the host name of an ECR registry; None for any other host."""
    match = _HOST.fullmatch(host)
    return (match["account"], match["region"]) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """All that one listing of a repository tells."""

    images: tuple[StoredImage, ...]
    names: Names


class EcrRegistry:
    """The registry of one account in one region.

    `timeout` bounds a question in seconds, its pages and tries included; what has not begun by then is never begun.
    """

    def __init__(
        self,
        *,
        account: str,
        region: str,
        endpoint_url: str | None = None,
        timeout: float = 25,
        observe: Observe = unobserved,
    ) -> None:
        self._account = account
        self._region = region
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._observe = observe
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ecr")
        self._lock = threading.Lock()
        self._made: Any = None
        self._listings: Remembering[str, _Listing] = Remembering(seconds=MEMORY_SECONDS, most=64)

    async def aclose(self) -> None:
        """Close the connections. A thread in the middle of a question is left to its time-outs."""
        await self._listings.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._made is not None:
            self._made.close()

    async def names(self, repository: str) -> Names:
        """The tags of a repository; up to a minute old."""
        return (await self._listing(repository)).names

    async def images(self, repository: str, references: Collection[str]) -> tuple[StoredImage, ...]:
        """The images that these tags and digests mean, each once; what is not there is left out."""
        wanted = frozenset(references)
        stored = (await self._listing(repository)).images
        return tuple(image for image in stored if image.digest in wanted or image.tags & wanted)

    async def resolve(self, repository: str, reference: str) -> StoredImage | None:
        """The image that a tag or a digest means at this moment, never from memory; None when it is not there."""
        return await self._ask("resolve", partial(self._resolve, repository, reference))

    async def examine(self, repository: str) -> Examined:
        """All that decides whether pushes can work and images stay; what the role may not read is in `denied`."""
        listing = await self._listing(repository)
        denied = []
        mutable: bool | None = None
        policy: Policy | None = None
        try:
            mutable = await self._ask("repositories", partial(self._mutable, repository))
        except RegistryForbidden:
            denied.append("ecr:DescribeRepositories")
        try:
            policy = await self._ask("lifecycle", partial(self._policy, repository))
        except RegistryForbidden:
            denied.append("ecr:GetLifecyclePolicy")
        return Examined(
            newest=max((image.pushed_at for image in listing.images if image.pushed_at), default=None),
            names=listing.names,
            images=listing.images if listing.names.complete else None,
            mutable=mutable,
            policy=policy,
            denied=tuple(denied),
        )

    async def check(self, repositories: Collection[str]) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        return await readable(self, repositories)

    async def _listing(self, repository: str) -> _Listing:
        return await self._listings.get(repository, lambda: self._ask("images", partial(self._read, repository)))

    def _read(self, repository: str, client: Any) -> _Listing:
        """Every image, or the first ones of too many."""
        found: list[StoredImage] = []
        pages = client.get_paginator("describe_images").paginate(
            registryId=self._account, repositoryName=repository, PaginationConfig={"PageSize": _PAGE}
        )
        for number, page in enumerate(pages):
            if number == PAGES:
                return _listed(found, complete=False)
            found += map(_image, entries(page, "imageDetails"))
        return _listed(found, complete=True)

    def _resolve(self, repository: str, reference: str, client: Any) -> StoredImage | None:
        kind = "imageDigest" if images.is_digest(reference) else "imageTag"
        try:
            said = client.describe_images(
                registryId=self._account, repositoryName=repository, imageIds=[{kind: reference}]
            )
        except client.exceptions.ImageNotFoundException:
            return None
        return next(map(_image, entries(said, "imageDetails")), None)

    def _mutable(self, repository: str, client: Any) -> bool | None:
        """Whether a tag can be pushed again; None when that depends on the tag."""
        said = client.describe_repositories(registryId=self._account, repositoryNames=[repository])
        return {"MUTABLE": True, "IMMUTABLE": False}.get(said["repositories"][0].get("imageTagMutability", ""))

    def _policy(self, repository: str, client: Any) -> Policy:
        try:
            said = client.get_lifecycle_policy(registryId=self._account, repositoryName=repository)
        except client.exceptions.LifecyclePolicyNotFoundException:
            return Policy(rules=())
        return lifecycle.parse(str(said.get("lifecyclePolicyText")))

    async def _ask(self, call: str, question: Callable[[Any], _Result]) -> _Result:
        with measured(self._observe, system="registry", call=call):
            try:
                async with asyncio.timeout(self._timeout):
                    return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
            except TimeoutError as error:
                raise RegistryUnreachable(f"no answer within {self._timeout:g} s") from error

    def _answer(self, question: Callable[[Any], _Result]) -> _Result:
        from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

        try:
            return question(self._client())
        except ClientError as error:
            kind = _ERRORS.get(str(section(error.response, "Error").get("Code")), RegistryUnreachable)
            raise kind(str(error)) from error
        except (NoCredentialsError, CredentialRetrievalError) as error:
            raise RegistryForbidden(repr(error)) from error
        except Exception as error:
            # botocore lets through what its connections, its credential providers and its parsers raise. To the bot
            # they all say one thing.
            raise RegistryUnreachable(repr(error)) from error

    def _client(self) -> Any:
        """The client, made by the first question: it takes a tenth of a second and 30 MB."""
        with self._lock:
            if self._made is None:
                import boto3
                from botocore.config import Config

                self._made = boto3.session.Session().client(
                    "ecr",
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=Config(
                        connect_timeout=_CONNECT_SECONDS,
                        read_timeout=_READ_SECONDS,
                        retries={"mode": "standard", "total_max_attempts": 3},
                        max_pool_connections=_THREADS,
                        user_agent_extra="tiketi-chatops",
                    ),
                )
            return self._made


def _listed(stored: list[StoredImage], *, complete: bool) -> _Listing:
    pushed = {tag: image.pushed_at for image in stored for tag in image.tags}
    return _Listing(images=tuple(stored), names=named(pushed, complete=complete))


def _image(detail: Mapping[str, Any]) -> StoredImage:
    summary = detail.get("imageScanFindingsSummary")
    counts = section(summary, "findingSeverityCounts") if isinstance(summary, dict) else None
    return StoredImage(
        digest=str(detail.get("imageDigest")),
        tags=frozenset(map(str, detail.get("imageTags") or ())),
        pushed_at=detail.get("imagePushedAt"),
        findings=None
        if counts is None
        else Findings(critical=int(counts.get("CRITICAL") or 0), high=int(counts.get("HIGH") or 0)),
        index=detail.get("imageManifestMediaType") in _INDEXES,
    )
