"""Facts into releases: apply an event, keep what follows from it, and mark the cards that show it."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain import images, releases
from bot.domain.contents import Content
from bot.domain.events import ApplicationObserved, JobReported, RunReported, StageReported
from bot.domain.releases import Release
from bot.services import incidents
from bot.storage import applications, cards, operations
from bot.storage import releases as rows
from bot.storage.engine import Connection


def card_key(release_id: int) -> str:
    """The key of a release's card."""
    return f"release:{release_id}"


async def record(
    connection: Connection,
    event: RunReported | JobReported | StageReported,
    *,
    environment: str,
    now: datetime,
) -> None:
    """Join one report of the pipeline into its release; raise or recover the alert of a failed run."""
    stored = await rows.change(
        connection,
        environment=environment,
        service=event.service,
        source_revision=event.source_revision,
        now=now,
        step=lambda release: releases.apply(release, event),
    )
    if not stored.changed:
        return
    await cards.mark_stale(connection, card_key(stored.id), now=now)
    signal = incidents.of_run(stored.release)
    if signal is not None:
        await incidents.record(connection, signal, now=now)
    if isinstance(event, StageReported):
        await applications.hint(connection, environment, now=now)


async def wrote(connection: Connection, content: Content) -> set[str]:
    """The lower-case logins behind the runs that built these images, as far as GitHub has reported them."""
    runs = [releases.run_of(release) for release in await _built(connection, content)]
    return {login.lower() for run in runs if run for login in (run.author, run.actor)}


async def reran(connection: Connection, content: Content) -> set[int]:
    """The Discord ids of those who had these runs run again through the bot.

    They started the newest attempt, and GitHub knows only that the bot did.
    """
    people = set()
    for release in await _built(connection, content):
        run = releases.current_run(release)
        asked = await operations.reruns(connection, environment=release.environment, service=release.service)
        people |= {one.requested_by for one in asked if one.rerun and run and one.rerun.run_id == run[0]}
    return {person for person in people if person is not None}


async def _built(connection: Connection, content: Content) -> list[Release]:
    """The releases that built these images, as far as they are known: what is promoted was built for elsewhere."""
    found: list[Release] = []
    for change in content.images:
        short = images.short_revision(change.new.tag) if change.new else None
        if short is not None:
            found += await rows.of_image(connection, service=change.service, short=short)
    return found


async def observe(connection: Connection, event: ApplicationObserved, *, now: datetime) -> Sequence[rows.Stored]:
    """Join a read of the Application into every release of its environment that may still move."""

    def joined(release: Release) -> Release:
        return releases.apply(releases.without_stranded(release, now=now), event)

    seen = []
    for stored in await rows.active(connection, event.environment):
        release = stored.release
        if releases.shown(joined(release)) == releases.shown(release):
            seen.append(stored)  # nothing happened since the last read: nothing is written, however often it is read
            continue
        after = await rows.change(
            connection,
            environment=release.environment,
            service=release.service,
            source_revision=release.source_revision,
            now=now,
            step=joined,
        )
        await cards.mark_stale(connection, card_key(stored.id), now=now)
        seen.append(after)
    return seen
