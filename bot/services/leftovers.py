"""Pull requests that nobody wants any more, because their operation ended without them: they are closed.

One that is left open may be merged days later, by itself even, and take back what was done since. It is looked for by
its branch, also where the operation ended while it was being opened. Nothing is kept but what the rows say, so a
restart or a second replica changes nothing. It goes on while everything is stopped: it ends something.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.adapters import github_pulls
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_pulls import Pull, PullState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation
from bot.domain.reasons import SENTENCES, Reason
from bot.storage import audit
from bot.storage import operations as rows
from bot.storage.engine import Database

PAUSE = timedelta(minutes=1)
KEPT_AT = timedelta(days=3)
"""How long after its end a pull request is tried to be closed."""
SETTLED = timedelta(minutes=10)
"""How long after its end one may still appear: a worker was about to open it."""

log = structlog.get_logger(__name__)


async def run(database: Database, *, catalog: Catalog, github: GitHub, clock: Callable[[], datetime]) -> None:
    """Close what is left open, again and again until cancelled."""
    while True:
        await close(database, catalog=catalog, github=github, now=clock())
        await asyncio.sleep(PAUSE.total_seconds())


async def close(database: Database, *, catalog: Catalog, github: GitHub, now: datetime) -> None:
    """Close what is open of operations that have ended. What GitHub does not do now is tried the next time."""
    async with database.reading() as connection:
        ended = await rows.with_pulls(connection, since=now - KEPT_AT)
    for operation in ended:
        place = catalog.environments.get(operation.environment)
        if operation.pull_request is None and not (place and place.pull_requests):
            await _done(database, operation, outcome=None, now=now)
            continue
        try:
            pull = await github_pulls.close_pull(github, operation=operation.id, why=_why(operation))
        except Limited as error:
            log.warning("leftovers.limited", answer=error.log)
            return
        except GithubError as error:
            log.warning("leftovers.not_closed", operation=operation.id, answer=error.log)
            if error.reason is Reason.BRANCH_TAKEN:
                await _done(database, operation, outcome="pull_left_open", now=now)
            continue
        if pull is not None or now - operation.updated_at >= SETTLED:
            await _done(database, operation, outcome=_outcome(pull), now=now)


async def _done(database: Database, operation: Operation, *, outcome: str | None, now: datetime) -> None:
    """Write down that nothing is left to close, once."""
    async with database.transaction() as connection:
        current = await rows.get(connection, operation.id)
        if current is None or current.pull_closed:
            return
        saved = await rows.save(connection, replace(current, pull_closed=True), expected=operation.state)
        if saved and outcome is not None:
            await audit.note(
                connection, at=now, actor="chatops", action=current.kind, outcome=outcome, operation=current
            )


def _outcome(pull: Pull | None) -> str | None:
    if pull is None:
        return None
    return "pull_merged" if pull.state is PullState.MERGED else "pull_closed"


def _why(operation: Operation) -> str:
    reason = SENTENCES[operation.reason] if operation.reason else ""
    return f"Closed by the bot: what asked for it ended as {operation.state}. {reason}".strip()
