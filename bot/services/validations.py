"""Building an environment's overlay at a commit, and checking what comes of it; asked for, and kept nowhere.

One is built at a time: kubectl and the check take a core and a hundred megabytes each. Whoever comes meanwhile waits
for a minute at most.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

from bot.adapters import kustomize, manifest_check, overlays
from bot.adapters.github import Commit, GitHub
from bot.adapters.github_errors import NotFound
from bot.adapters.github_writes import tip_of
from bot.adapters.kustomize import DoesNotBuild
from bot.domain.catalog import Environment
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Checked, Validation
from bot.services.inspections import asked

WAIT = 60.0
FETCH = 90.0
"""Seconds for all files together; most overlays need two."""

_REVISION = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """What validating needs. `kubectl` is where it is, None if it is nowhere."""

    github: GitHub
    kubectl: str | None = field(default_factory=kustomize.find)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def validate(self, environment: Environment, *, revision: str | None) -> Validation:
        """What is wrong with the overlay at a revision, 7 to 40 digits of it; without one, at the branch's newest.

        Refuses a revision that GitHub does not know, and what `overlays.fetch`, `kustomize.build` and
        `manifest_check.check` refuse; VALIDATION_BUSY after a minute. Raises Refused with the id under which the log
        has the answer when GitHub does not answer.
        """
        if revision is not None and not _REVISION.fullmatch(revision):
            raise Refused(Reason.REVISION_UNKNOWN)
        if self.kubectl is None:
            raise Refused(Reason.KUBECTL_MISSING)
        commit = await self._commit(environment, revision)
        async with self._alone():
            began = perf_counter()
            try:
                async with asyncio.timeout(FETCH):
                    found = overlays.fetch(self.github, revision=commit.revision, directory=environment.overlay)
                    overlay = await asked(found, what="overlay")
            except TimeoutError as error:
                raise Refused(Reason.GITHUB_UNREACHABLE) from error
            if overlay.problems:
                # kustomize would stop at the first of them, and say it in more words.
                checked = Checked(problems=tuple(overlay.problems), total=len(overlay.problems))
            else:
                checked = await self._checked(overlay)
        return Validation(
            revision=commit.revision,
            subject=commit.subject,
            files=len(overlay.files),
            seconds=perf_counter() - began,
            checked=checked,
        )

    async def _checked(self, overlay: overlays.Overlay) -> Checked:
        try:
            built = await kustomize.build(overlay, kubectl=self.kubectl)
        except DoesNotBuild as error:
            return await manifest_check.check(overlay, message=error.message)
        return await manifest_check.check(overlay, built=built)

    async def _commit(self, environment: Environment, revision: str | None) -> Commit:
        wanted = revision
        if wanted is None:
            wanted = await asked(tip_of(self.github, environment.branch), what="tip")
        try:
            commit = await asked(self.github.commit(wanted), what="commit", passing=NotFound)
        except NotFound as error:
            raise Refused(Reason.REVISION_UNKNOWN) from error
        if not commit.revision.startswith(wanted):
            raise Refused(Reason.REVISION_UNKNOWN)  # A branch of that name, which moves.
        return commit

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT):
                await self.turn.acquire()
        except TimeoutError as error:
            raise Refused(Reason.VALIDATION_BUSY) from error
        try:
            yield
        finally:
            self.turn.release()
