"""Who stands behind what a request would deploy: they may not consent to it.

GitHub is asked who wrote the tags into the overlay, and who merged the pull requests of what was built and written. Who
wrote the commits of a service that its new image has and the old one lacks is in a comparison that is read once. All
that for no more than `SECONDS`, and about the pull requests of no more than `COMMITS`: what GitHub does not tell bars
nobody, and the card says so.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise

import structlog

from bot.adapters import github_files, github_people, kustomization
from bot.adapters.github import Commit
from bot.adapters.github_errors import GithubError
from bot.domain.catalog import Environment
from bot.domain.comparisons import Comparison
from bot.domain.contents import Content
from bot.domain.people import People
from bot.domain.reasons import Refused
from bot.services.manifests import Manifests, asked_for

SECONDS = 20.0
COMMITS = 10

log = structlog.get_logger(__name__)


async def compared(content: Content, sources: Sequence[Commit], *, manifests: Manifests) -> dict[str, Comparison]:
    """What lies between the old and the new image of each service, as far as GitHub tells it in time.

    `sources` are the commits that the new images were built from, in the order of the content.
    """
    found: dict[str, Comparison] = {}
    try:
        async with asyncio.timeout(SECONDS):
            for change, source in zip(content.images, sources, strict=True):
                comparison = await manifests.compare(change, head=source.revision)
                found |= {change.service: comparison} if comparison else {}
    except TimeoutError:
        log.info("authorship.no_comparison", compared=sorted(found))
    return found


async def behind(
    content: Content,
    sources: Sequence[Commit],
    *,
    comparisons: Mapping[str, Comparison],
    written: bool,
    environment: Environment,
    manifests: Manifests,
) -> People:
    """Who wrote and merged what comes with the images, and what is `written` of them in Git.

    `sources` and `comparisons` are those of `compared`.
    """
    people, revisions = _wrote(content, sources, comparisons=comparisons)
    try:
        async with asyncio.timeout(SECONDS):
            writers = await _writers(content, environment=environment, manifests=manifests) if written else []
            for one in writers:
                people |= one.people
            # Those first that were built and written.
            distinct = dict.fromkeys([*(one.revision for one in (*sources, *writers)), *revisions])
            for revision in islice(distinct, COMMITS):
                people |= await github_people.mergers(manifests.github, revision)
    except (GithubError, Refused, TimeoutError) as error:
        log.info("authorship.unsure", environment=environment.name, error=repr(error))
        return people | People(others=True)
    return people | People(others=len(distinct) > COMMITS)


def _wrote(
    content: Content, sources: Sequence[Commit], *, comparisons: Mapping[str, Comparison]
) -> tuple[People, list[str]]:
    """Who wrote what the images bring, and the revisions of that. Where nobody could compare there may be others."""
    people, revisions = People(), []
    for change, source in zip(content.images, sources, strict=True):
        people |= source.people
        found = comparisons.get(change.service)
        if found is None:
            people |= People(others=True)
            continue
        unlisted = found.gained.total > len(found.gained.commits)
        people |= People(others=unlisted or any(one.touches is None for one in found.gained.commits))
        for one in found.gained.commits:
            if one.touches is not False:  # where nobody can tell, they count
                people |= one.people
                revisions.append(one.revision)
    return people, revisions


async def _writers(content: Content, *, environment: Environment, manifests: Manifests) -> list[Commit]:
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
    found: list[Commit] = []
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
