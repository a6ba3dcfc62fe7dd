"""What exactly a deploy would do: the thing that people consent to, and that is compared before anything is done."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from bot.domain.images import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One Kubernetes object a sync will touch, named as Argo CD's `resources` filter wants it."""

    group: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """What a service runs and what it would run; the same where only its configuration changes.

    A tag can be pushed again: `digest` is what the registry had behind `new` when it was looked up, None before that,
    and `index` says that it is of a list of images for several platforms.
    """

    service: str
    old: Image | None
    new: Image | None
    digest: str | None = None
    index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What exactly would be deployed: the thing people consent to.

    `revision` is the manifest commit, `source_digest` fingerprints the Application's source and destination,
    `diff_digest` the difference between the live and the wanted state of `resources`. With `everything` the whole
    Application is synced, with its hooks; `images` then has every service that changes.
    """

    uid: str
    revision: str
    source_digest: str
    images: tuple[ImageChange, ...] = ()
    resources: tuple[Resource, ...]
    everything: bool = False
    diff_digest: str

    @property
    def digest(self) -> str:
        """Fingerprint of the whole content, hex SHA-256; without digests the one that it had before there were any."""
        content = asdict(self)
        for change in content["images"]:
            if change["digest"] is None:
                del change["digest"], change["index"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def change_of(self, service: str | None) -> ImageChange | None:
        """What a service runs and would run; None when the content does not have it."""
        return next((change for change in self.images if change.service == service), None)

    def image_of(self, service: str | None) -> Image | None:
        """The image that a service would run."""
        change = self.change_of(service)
        return change.new if change else None

    def same_effect(self, other: "Content") -> bool:
        """Whether deploying either would do the same to the service, at whatever commit each was read.

        Another image behind the tag is another effect, and so is one that was not looked up."""
        return replace(self, revision=other.revision) == other
