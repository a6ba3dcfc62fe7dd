"""Who stands behind what a request would deploy beside its authors: they may not consent to it either.

GitHub is asked who merged the pull requests of the commits that the images were built from, who wrote their tags into
the overlay, and who merged that. It is asked for no more than `SECONDS`, and about no more than a few commits: what it
does not tell bars nobody, and the card says so.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import structlog

from bot.adapters import github_files, github_people, kustomization
from bot.adapters.github import GithubError
from bot.adapters.github_people import Touched
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
    content: Content, *, sources: Iterable[str], written: bool, environment: Environment, manifests: Manifests
) -> Behind:
    """Who merged the commits in `sources`, and, if the content is `written` in Git, who wrote and merged that."""
    logins: set[str] = set()
    try:
        async with asyncio.timeout(SECONDS):
            writers = await _writers(content, environment=environment, manifests=manifests) if written else []
            logins.update(*(one.logins for one in writers))
            revisions = [*dict.fromkeys([*sources, *(one.revision for one in writers)])]
            for revision in revisions[:COMMITS]:
                logins |= await github_people.mergers(manifests.github, revision)
    except (GithubError, Refused, TimeoutError) as error:
        log.info("authorship.unsure", environment=environment.name, error=repr(error))
        return Behind(logins=frozenset(logins), unsure=True)
    return Behind(logins=frozenset(logins), unsure=len(revisions) > COMMITS)


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
