"""What the registry has of a service, beside what environments ask for and run.

Names and images come from the registry, what is asked for and runs from the rows that the observer keeps, and commits
from the releases that the bot knows or else from GitHub. Each part may be missing, and then it is named as missing: an
outage of one of them is when people look here.
"""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, NotFound
from bot.adapters.registry import Registry, RegistryError
from bot.adapters.remembering import Remembering
from bot.cards.tags import Origin, Overview, Place
from bot.domain import images, releases
from bot.domain import tags as joined
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import Stage
from bot.domain.reasons import Refused
from bot.domain.releases import Release
from bot.domain.tags import LATEST, Findings, Mark, Names, Row, StoredImage, Usage
from bot.storage import applications
from bot.storage import releases as release_rows
from bot.storage.engine import Database
from bot.storage.releases import Built

SHOWN = 10
RELEASES = 500
COMMIT_SECONDS = 4.0
AT_ONCE_SECONDS = 2.0
"""Discord waits no longer than three seconds for what an option offers."""
COMMITS_KEPT, MOST_COMMITS = 600.0, 512
"""Tags have short ids, which GitHub resolves: kept only for minutes, since they may mean nothing or two one day."""
COMMITS_AT_ONCE = 2
"""Of the four threads for GitHub; a deploy must not wait for people who look."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReader:
    """What reading needs."""

    database: Database
    catalog: Catalog
    registry: Registry
    github: GitHub
    commits: Remembering[str, Origin | None] = field(
        default_factory=lambda: Remembering(seconds=COMMITS_KEPT, most=MOST_COMMITS)
    )
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(COMMITS_AT_ONCE))

    async def tags(self, service: str, *, environments: Sequence[Environment], alone: bool, now: datetime) -> Overview:
        """The newest images and those that are used, for these environments. `alone` means one was asked about.

        Then images that are known to be built for others are left out, and its own come first. Never refuses: what
        did not answer is named in the overview.
        """
        repository, full = self.catalog.services[service].image, self.catalog.image_of(service)
        places = await self.places(service, environments)
        usages = [place.usage for place in places if place.usage]
        try:
            names = await self.registry.names(repository)
            built = await self._built(service)
            others = self._of_others(names, built, environments) if alone else frozenset()
            newest = [tag for tag in names.pushed if tag not in others and not self._floats(tag)][:SHOWN]
            floating = [tag for tag in names.pushed if self._floats(tag)]
            used = [joined.reference(image) for usage in usages for image in usage.images if image.repository == full]
            stored = await self.registry.images(repository, [*used, *floating, *newest])
        except RegistryError as error:
            return Overview(places=places, refused=_refused(error, what=repository))
        marks = joined.marks(stored, usages, repository=full, complete=names.complete, now=now)
        rows = joined.rows(stored, usages, repository=full)
        shown = _shown(rows, newest, alone=alone)
        origins, unread = await self._origins(shown, built, visible=[place.name for place in environments])
        return Overview(
            places=places,
            rows=shown,
            marks=marks if alone else (*marks, *_latest(stored, names)),
            origins=origins,
            total=len(names.pushed),
            elsewhere=len(others),
            complete=names.complete,
            unread=unread,
        )

    async def newest(self, service: str) -> list[str]:
        """The pipeline's tags of a service, the newest first; none when the registry does not answer at once."""
        if service not in self.catalog.services:
            return []
        try:
            async with asyncio.timeout(AT_ONCE_SECONDS):
                names = await self.registry.names(self.catalog.services[service].image)
        except (RegistryError, TimeoutError) as error:
            log.info("tags.none_to_offer", service=service, error=repr(error))
            return []
        return [tag for tag in names.pushed if images.built_at(tag) is not None]

    async def places(self, service: str, environments: Iterable[Environment]) -> tuple[Place, ...]:
        """What each environment asks for and runs, as it was read last."""
        found = []
        async with self.database.reading() as connection:
            for environment in environments:
                known = await applications.get(connection, environment.name)
                seen = known.observation
                workload = seen.workload(service) if seen else None
                silent = seen is not None and seen.cluster_error is not None
                pods = [pod.image for pod in workload.pods if not pod.terminating] if workload else []
                usage = None
                if workload is not None:
                    running = None if silent else frozenset(pods)
                    usage = Usage(environment=environment, asked=workload.desired, running=running)
                place = Place(environment=environment.name, usage=usage, failure=known.failure, silent=silent)
                found.append(place)
        return tuple(found)

    def _floats(self, tag: str) -> bool:
        """Whether every push of the pipeline may move this tag."""
        return tag == LATEST or tag in self.catalog.environments

    def _of_others(self, names: Names, built: Sequence[Built], environments: Iterable[Environment]) -> frozenset[str]:
        """The tags of commits that were built, but not for these environments; what nobody knows may be theirs.

        Environments with one branch share images: dev runs what is built for staging.
        """
        branches = {environment.branch for environment in environments}
        mine = {name for name, place in self.catalog.environments.items() if place.branch in branches}
        ours = {one.source_revision[:7] for one in built if one.environment in mine}
        others = {one.source_revision[:7] for one in built} - ours
        return frozenset(tag for tag in names.pushed if (images.short_revision(tag) or "")[:7] in others)

    async def _built(self, service: str) -> list[Built]:
        async with self.database.reading() as connection:
            return await release_rows.built(connection, service, environments=self.catalog.environments, limit=RELEASES)

    async def _origins(
        self, rows: Sequence[Row], built: Sequence[Built], *, visible: Sequence[str]
    ) -> tuple[dict[str, Origin], int]:
        """The commits of images, by digest, and how many of them GitHub did not tell in time."""
        ids = [
            one.id
            for one in built
            if one.environment in visible and any(_built_from(row.image, one.source_revision) for row in rows)
        ]
        async with self.database.reading() as connection:
            known = await release_rows.by_ids(connection, ids)
        origins = {row.image.digest: origin for row in rows if (origin := _origin(row.image, known))}
        full = {one.source_revision[:7]: one.source_revision for one in built}
        wanted = {}
        for row in rows:
            short = next(filter(None, map(images.short_revision, row.image.tags)), None)
            if short and not (row.image.digest in origins and origins[row.image.digest].subject):
                wanted[row.image.digest] = full.get(short[:7], short)
        asked, unread = await self._asked(wanted)
        for digest, origin in asked.items():
            before = origins.get(digest)
            origins[digest] = replace(origin, findings=before.findings if before else None)
        return origins, unread

    async def _asked(self, wanted: Mapping[str, str]) -> tuple[dict[str, Origin], int]:
        """What GitHub says of these revisions, and how many it did not tell."""
        if not wanted:
            return {}, 0
        tasks = {digest: asyncio.create_task(self._commit(revision)) for digest, revision in wanted.items()}
        try:
            done, late = await asyncio.wait(tasks.values(), timeout=COMMIT_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
        errors = {task: error for task in done if isinstance(error := task.exception(), GithubError)}
        for error in [*errors.values()][:1]:
            log.warning("tags.no_commits", number=len(errors), reason=error.reason, answer=error.log)
        found = {digest: task.result() for digest, task in tasks.items() if task in done and task not in errors}
        return {digest: origin for digest, origin in found.items() if origin}, len(late) + len(errors)

    async def _commit(self, revision: str) -> Origin | None:
        """The commit, as it was told in the last minutes or is told now; None when GitHub knows none."""

        async def ask() -> Origin | None:
            async with self.turns:
                try:
                    commit = await self.github.commit(revision)
                except NotFound:
                    return None
            author = commit.author_login or commit.author_name
            return Origin(revision=commit.revision, subject=commit.subject, author=author)

        return await self.commits.get(revision, ask)


def _latest(stored: Iterable[StoredImage], names: Names) -> list[Mark]:
    moved = joined.latest_moved(stored) if names.complete else None
    return [moved] if moved else []


def _shown(rows: Sequence[Row], newest: Sequence[str], *, alone: bool) -> tuple[Row, ...]:
    """The rows that are used and the newest ones, `SHOWN` at most unless more are used."""
    wanted = frozenset(newest)
    used = [row for row in rows if row.used]
    others = [row for row in rows if not row.used and row.image.tags & wanted][: max(SHOWN - len(used), 0)]
    if alone:
        return (*used, *others)
    return tuple(row for row in rows if row in used or row in others)


def _built_from(image: StoredImage, revision: str) -> bool:
    return any(images.built_from(tag, source_revision=revision) for tag in image.tags)


def _origin(image: StoredImage, known: Iterable[Release]) -> Origin | None:
    """What the releases tell of the image's commit and of the scan of this very image."""
    origin = None
    for release in known:
        if not _built_from(image, release.source_revision):
            continue
        run, findings = releases.run_of(release), _findings(image, release)
        origin = origin or Origin(revision=release.source_revision)
        if run is not None and not origin.subject:
            origin = replace(origin, subject=run.title, author=run.author)
        origin = replace(origin, findings=origin.findings or findings)
    return origin


def _findings(image: StoredImage, release: Release) -> Findings | None:
    scans = (stage for stage in release.stages.values() if stage.stage is Stage.SCAN and stage.tag in image.tags)
    counted = ((scan.critical, scan.high) for scan in scans)
    return next((Findings(critical=c, high=h) for c, h in counted if c is not None and h is not None), None)


def _refused(error: RegistryError, *, what: str) -> Refused:
    """The reason for people; what the registry answered goes into the log under an id."""
    log_id = secrets.token_hex(4)
    log.warning("tags.unanswered", what=what, log_id=log_id, reason=error.reason, answer=error.log)
    return Refused(error.reason, log_id=log_id)
