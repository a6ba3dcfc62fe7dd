"""Comparing two versions of a service: tags, or what environments run.

A tag begins with the commit that was built, and that is what is compared, never the manifests. Asked when it is asked
for, and kept nowhere.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from bot.adapters import github_comparisons
from bot.adapters.github import GitHub
from bot.adapters.github_errors import NotFound
from bot.domain import images, releases
from bot.domain.catalog import Catalog
from bot.domain.comparisons import Comparison, Version
from bot.domain.reasons import Reason, Refused
from bot.services.inspections import asked
from bot.storage import applications
from bot.storage import releases as release_rows
from bot.storage.engine import Database

LOOKED_AT = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Both versions, and what lies between them."""

    base: Version
    head: Version
    found: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparer:
    """What comparing needs."""

    database: Database
    catalog: Catalog
    github: GitHub

    async def compare(self, *, service: str, base: str, head: str) -> Compared:
        """What changes from one version of a service to another; each is a tag or the name of an environment.

        Refuses what is neither, an environment of which nobody knows what it runs, and a commit that GitHub does not
        know. Raises Refused with the id under which the log has the answer when GitHub does not answer.
        """
        versions = [await self._version(service, text) for text in (base, head)]
        old, new = await asyncio.gather(*map(self._revision, versions))
        question = github_comparisons.compare(self.github, base=old, head=new, paths=self.catalog.sources_of(service))
        try:
            found = await asked(question, what="compare", passing=NotFound)
        except NotFound as error:
            raise Refused(Reason.UNRELATED) from error
        return Compared(base=versions[0], head=versions[1], found=found)

    async def tags(self, *, service: str, environments: Iterable[str]) -> list[str]:
        """The tags of a service that the bot has heard of lately, each once, the newest build first."""
        found = set()
        async with self.database.reading() as connection:
            for name in environments:
                rows = await release_rows.of_service(connection, service=service, environment=name, limit=LOOKED_AT)
                found |= {releases.current_tag(row.release) for row in rows}
        known = [(at, tag) for tag in found if tag is not None and (at := images.built_at(tag)) is not None]
        return [tag for _at, tag in sorted(known, reverse=True)]

    async def _version(self, service: str, text: str) -> Version:
        if text not in self.catalog.environments:
            if images.short_revision(text) is None:
                raise Refused(Reason.VERSION_UNKNOWN)
            return Version(tag=text)
        async with self.database.reading() as connection:
            seen = (await applications.get(connection, text)).observation
        workload = seen.workload(service) if seen else None
        tag = workload.live.tag if workload and workload.live else None
        if tag is None or images.short_revision(tag) is None:
            raise Refused(Reason.RUNNING_UNKNOWN, f"({text})")
        return Version(tag=tag, environment=text)

    async def _revision(self, version: Version) -> str:
        """The full id of the commit that was built."""
        short = images.short_revision(version.tag) or ""
        try:
            commit = await asked(self.github.commit(short), what="commit", passing=NotFound)
        except NotFound as error:
            raise Refused(Reason.COMMIT_GONE, f"({version.tag})") from error
        if not commit.revision.startswith(short):
            raise Refused(Reason.COMMIT_GONE, f"({version.tag})")  # A branch of that name, not what the tag means.
        return commit.revision
