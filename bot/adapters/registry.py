"""What the bot asks a registry of images, whichever it is, and how one says no.

Amazon ECR tells everything about a repository in one listing; the OCI protocol lists names only, and each image costs
two more questions. So there are two questions here, the names and some images, and whoever asks wants few images.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.adapters.calls import CallFailed
from bot.domain.lifecycle import Policy
from bot.domain.reasons import Reason
from bot.domain.tags import Names, StoredImage

MEMORY_SECONDS = 60.0
"""How long an answer is good enough for people."""


class RegistryError(CallFailed):
    """The registry did not answer the question."""

    default = Reason.REGISTRY_UNREACHABLE


class RegistryUnreachable(RegistryError):
    """No connection, no time, or no answer that can be read."""


class RegistryBusy(RegistryError):
    """The registry limits how often it is asked."""

    default = Reason.REGISTRY_BUSY


class RegistryForbidden(RegistryError):
    """The credentials are missing, not accepted, or may not read this."""

    default = Reason.REGISTRY_FORBIDDEN


class RepositoryUnknown(RegistryError):
    """There is no such repository, or the bot may not know of it."""

    default = Reason.REGISTRY_REPOSITORY_UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What can be known of a repository; what this registry does not tell is None.

    `images` are all there are, where the registry lists them; `denied` names the rights that were missing.
    """

    newest: datetime | None
    names: Names
    images: tuple[StoredImage, ...] | None = None
    mutable: bool | None = None
    policy: Policy | None = None
    denied: tuple[str, ...] = ()


class Registry(Protocol):
    """One registry. `repository` is the name in it, without the host. Every method raises a RegistryError."""

    async def names(self, repository: str) -> Names:
        """The tags of a repository; up to a minute old."""

    async def images(self, repository: str, references: Collection[str]) -> tuple[StoredImage, ...]:
        """The images that these tags and digests mean, each once; what is not there is left out."""

    async def resolve(self, repository: str, reference: str) -> StoredImage | None:
        """The image that a tag or a digest means at this moment, never from memory; None when it is not there."""

    async def examine(self, repository: str) -> Examined:
        """What decides whether pushes to the repository can work and its images stay; up to a minute old."""

    async def check(self, repositories: Collection[str]) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""

    async def aclose(self) -> None:
        """Close the connections."""


async def readable(registry: Registry, repositories: Collection[str]) -> list[tuple[str, bool, str]]:
    """The finding of `check` that every registry has: which repositories cannot be read, and why."""
    wrong = []
    for repository in repositories:
        try:
            await registry.names(repository)
        except RegistryError as error:
            wrong.append(f"{repository}: {error.reason.replace('_', ' ')} ({error.log[:120]})")
            if not isinstance(error, RepositoryUnknown):
                break  # The others would fail alike, each after the same wait.
    if wrong:
        return [("Registry", False, "; ".join(wrong))]
    return [("Registry", True, f"all {len(repositories)} repositories can be read")]
