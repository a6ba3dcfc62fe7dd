"""Who stands behind what a request would deploy beside its authors: they may not consent to it either.

GitHub is asked who wrote the commits of a service that its new image has and the old one lacks, who wrote the tags into
the overlay, and who merged the pull requests of those. It is asked for no more than `SECONDS`, and about the pull
requests of no more than `COMMITS`: what it does not tell bars nobody, and the card says so.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise

import structlog

from bot.adapters import github_files, github_people, kustomization
from bot.adapters.github import GithubError
from bot.adapters.github_people import Touched
from bot.domain import images
from bot.domain.catalog import Environment
from bot.domain.operations import Content
from bot.domain.reasons import Refused
from bot.services.manifests import Manifests, asked_for

SECONDS = 20.0
COMMITS = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """Lower-case logins of people, and whether there may be more of them."""

    logins: frozenset[str]
    unsure: bool = False


async def behind(
    content: Content, *, sources: Sequence[str], written: bool, environment: Environment, manifests: Manifests
) -> Behind:
    """Who wrote and merged what comes with the images, and what is `written` of them in Git.

    `sources` are the full revisions that the new images were built from, in the order of the content.
    """
    logins: set[str] = set()
    seen: set[str] = set()
    try:
        async with (
            asyncio.timeout(SECONDS),
            aclosing(
                _commits(content, sources, written=written, environment=environment, manifests=manifests)
            ) as found,
        ):
            async for commit in found:
                logins |= commit.logins
                if commit.revision not in seen and len(seen) < COMMITS:
                    logins |= await github_people.mergers(manifests.github, commit.revision)
                seen.add(commit.revision)
    except (GithubError, Refused, TimeoutError) as error:
        log.info("authorship.unsure", environment=environment.name, error=repr(error))
        return Behind(logins=frozenset(logins), unsure=True)
    return Behind(logins=frozenset(logins), unsure=len(seen) > COMMITS)


async def _commits(
    content: Content, sources: Sequence[str], *, written: bool, environment: Environment, manifests: Manifests
) -> AsyncGenerator[Touched]:
    """The commits whose people count, those first that were built and written. Raises when there may be more people."""
    for revision in sources:
        yield Touched(revision=revision, logins=frozenset())
    for one in await _writers(content, environment=environment, manifests=manifests) if written else []:
        yield one
    unsure = False
    for change, head in zip(content.images, sources, strict=True):
        base = images.short_revision(change.old.tag) if change.old else None
        if base is not None:
            directory = manifests.catalog.services[change.service].directory
            brought, more = await github_people.brought(manifests.github, base=base, head=head, directory=directory)
            for one in brought:
                yield one
            unsure = unsure or more
    if unsure:
        raise GithubError("does not say who wrote every commit")


async def _writers(content: Content, *, environment: Environment, manifests: Manifests) -> list[Touched]:
    """The commits that wrote the new tags into the overlay; where no tag is new, the last one that touched it.

    Raises GithubError when that was too long ago, and Refused when the overlay cannot be read.
    """
    github, path = manifests.github, environment.kustomization
    missing = {
        manifests.catalog.image_of(change.service): change.new.tag
        for change in content.images
        if change.new is not None and change.new != change.old
    }
    if not missing:
        return await github_people.touched(github, path=environment.overlay, revision=content.revision, limit=1)
    listed = await github_people.touched(github, path=path, revision=content.revision, limit=COMMITS)
    found: list[Touched] = []
    for newer, older in pairwise(listed):
        text = kustomization.text_of((await github_files.read_file(github, path=path, ref=older.revision)).content)
        new = [repository for repository, tag in missing.items() if asked_for(text, repository=repository) != tag]
        found += [newer] if new else []
        for repository in new:
            del missing[repository]
        if not missing:
            return found
    if not listed or len(listed) == COMMITS:
        raise GithubError("nobody has written the tag lately")
    return [*found, listed[-1]]
