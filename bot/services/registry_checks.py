"""Can the pipeline push, and will the images that are used stay? Asked of the registry, and of what was reported.

The bot may only read, so a push cannot be tried. What can be known: the repository is there and readable, when it got
its newest image, what its rules delete, and how the last push ended that the pipeline told of.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime

import structlog

from bot.adapters.registry import Examined, RegistryError
from bot.cards.registry import Push, Standing, Threat
from bot.domain import lifecycle, releases
from bot.domain import tags as joined
from bot.domain.catalog import Environment
from bot.domain.events import Stage, StageReported, StageStatus
from bot.domain.reasons import Refused
from bot.services.tags import TagReader
from bot.storage import releases as release_rows

RELEASES = 20

log = structlog.get_logger(__name__)


async def standings(reader: TagReader, *, environments: Sequence[Environment], now: datetime) -> tuple[Standing, ...]:
    """How the repository of every service stands; what is told of use and pushes is of these environments only."""
    found = (_standing(reader, service, environments, now=now) for service in reader.catalog.services)
    return tuple(await asyncio.gather(*found))


async def _standing(reader: TagReader, service: str, environments: Sequence[Environment], *, now: datetime) -> Standing:
    push = await _push(reader, service, [environment.name for environment in environments])
    repository = reader.catalog.services[service].image
    try:
        examined = await reader.registry.examine(repository)
    except RegistryError as error:
        log_id = secrets.token_hex(4)
        log.warning("registry.unanswered", what=repository, log_id=log_id, reason=error.reason, answer=error.log)
        return Standing(service=service, refused=Refused(error.reason, log_id=log_id), push=push)
    policy = examined.policy
    return Standing(
        service=service,
        newest=examined.newest,
        tags=len(examined.names.pushed),
        mutable=examined.mutable,
        rules=len(policy.rules) if policy else None,
        unclear=len(policy.unknown) if policy else 0,
        threats=await _threats(reader, service, examined, environments, now=now),
        denied=examined.denied,
        push=push,
    )


async def _threats(
    reader: TagReader, service: str, examined: Examined, environments: Sequence[Environment], *, now: datetime
) -> tuple[Threat, ...]:
    """The images that these environments use and that a rule deletes soon. None when not all images were read."""
    if examined.policy is None or examined.images is None:
        return ()
    found = []
    doomed = lifecycle.expiries(examined.policy, examined.images)
    usages = [place.usage for place in await reader.places(service, environments) if place.usage]
    for row in joined.rows(examined.images, usages, repository=reader.catalog.image_of(service)):
        expiry = doomed.get(row.image.digest)
        if row.used and expiry is not None and expiry.is_soon(now):
            names = tuple(dict.fromkeys((*row.runs_in, *row.asked_in)))
            found.append(Threat(tag=row.image.name or row.image.digest, environments=names, expiry=expiry))
    return tuple(found)


async def _push(reader: TagReader, service: str, environments: Sequence[str]) -> Push | None:
    """The newest end of a push that was reported for these environments."""
    async with reader.database.reading() as connection:
        built = await release_rows.built(connection, service, environments=environments, limit=RELEASES)
        known = await release_rows.by_ids(connection, [one.id for one in built])
    ended: list[tuple[StageReported, str | None]] = []
    for release in known:
        run = releases.run_of(release)
        ended += [
            (stage, stage.url or (run.url if run else None))
            for stage in release.stages.values()
            if stage.stage is Stage.PUSH and stage.status in (StageStatus.SUCCEEDED, StageStatus.FAILED)
        ]
    newest = max(ended, key=lambda one: one[0].at, default=None)
    if newest is None:
        return None
    stage, url = newest
    return Push(
        at=stage.at,
        succeeded=stage.status is StageStatus.SUCCEEDED,
        environment=stage.environment,
        url=url,
        message=stage.message or "",
    )
