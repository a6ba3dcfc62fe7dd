"""Which workflow run a person means: the newest one of a service, or the one that a card showed.

Of each environment only the newest run counts. An older one built an older commit, and running it again would put that
in the place of a newer one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bot.domain import releases
from bot.domain.operations import Rerun
from bot.domain.reasons import Reason, Refused
from bot.domain.releases import Release, ReleaseState
from bot.storage import releases as rows
from bot.storage.engine import Connection, Database
from bot.storage.releases import Stored

LOOKED_AT = 50
"""The newest releases of a service, among which its newest run is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A run that may be run again, and the release that it builds."""

    release_id: int
    environment: str
    service: str
    rerun: Rerun


async def latest(database: Database, *, service: str, environments: Collection[str], everything: bool) -> Chosen:
    """The newest run of a service in these environments, and one that failed before any other.

    Refuses when the bot has heard of none.
    """
    async with database.reading() as connection:
        found = [one for name in environments if (one := await newest(connection, service=service, environment=name))]
    if not found:
        raise Refused(Reason.RUN_UNKNOWN)
    chosen = max(found, key=lambda one: (releases.state(one.release) is ReleaseState.FAILED, _order(one)))
    run_id, _attempt = releases.current_run(chosen.release) or (0, 0)
    return _chosen(chosen.id, chosen.release, rerun=Rerun(run_id=run_id, everything=everything))


async def shown(database: Database, *, release_id: int, run_id: int, attempt: int) -> Chosen:
    """The run of the release that a card showed, at the attempt it showed. Refuses when there is no such release."""
    async with database.reading() as connection:
        release = await rows.by_id(connection, release_id)
    if release is None:
        raise Refused(Reason.RUN_UNKNOWN)
    return _chosen(release_id, release, rerun=Rerun(run_id=run_id, attempt=attempt))


async def newest(connection: Connection, *, service: str, environment: str) -> Stored | None:
    """The release of a service in an environment whose run began last; None when no run is known there."""
    found = await rows.of_service(connection, service=service, environment=environment, limit=LOOKED_AT)
    return max((one for one in found if releases.current_run(one.release)), key=_order, default=None)


def _order(stored: Stored) -> tuple[datetime, int]:
    began = releases.run_began(stored.release)
    assert began is not None  # noqa: S101 - only releases with a run are compared
    return began, stored.id


def _chosen(release_id: int, release: Release, *, rerun: Rerun) -> Chosen:
    run = releases.run_of(release)
    url = run.url if run is not None and run.run_id == rerun.run_id else ""
    return Chosen(
        release_id=release_id,
        environment=release.environment,
        service=release.service,
        rerun=Rerun(run_id=rerun.run_id, attempt=rerun.attempt, everything=rerun.everything, url=url),
    )
