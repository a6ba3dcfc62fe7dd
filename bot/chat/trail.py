"""/audit and its button Older: pages of the audit trail, for whoever may read it at the moment of each press.

The button carries what was asked for and the number of the oldest row that was shown, so a page stays the same page
whatever is added, and after any restart.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import discord

from bot.cards import trail as card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import operations, trail
from bot.storage.audit import Wanted

LINES = 8
LONGEST_ACTION = 40
_AGO = re.compile(r"(?P<number>\d{1,4})(?P<unit>[mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST_ID = 100
_OLDER = re.compile(
    r"chatops:audit:(?P<before>\d{1,18}):(?P<environment>[a-z0-9-]{0,63}):(?P<member>\d{0,20}):(?P<since>[0-9]{0,10})"
    rf":(?P<action>[\w:-]{{0,{LONGEST_ACTION}}})(?:/(?P<operation>[0-9a-f]{{0,32}})/(?P<service>[a-z0-9-]{{0,63}}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What somebody wants to see: all of it, or only what fits. `since` is whole seconds of the epoch."""

    environment: str | None = None
    member: int | None = None
    action: str | None = None
    operation: str | None = None
    service: str | None = None
    since: int | None = None
    before: int | None = None

    def older(self, before: int) -> str | None:
        """The id of the button that shows what comes after these rows; None when it is longer than Discord takes."""
        # What there are rows of is where the operation is, so its id says the place too, and all of it is short enough.
        environment, service = (None, None) if self.operation else (self.environment, self.service)
        parts = (before, environment, self.member, self.since, self.action)
        made = ":".join(("chatops", "audit", *("" if part is None else str(part) for part in parts)))
        if self.operation or service:
            made += f"/{self.operation or ''}/{service or ''}"
        return made if len(made) <= _LONGEST_ID and _OLDER.fullmatch(made) else None


async def _press(
    interaction: discord.Interaction[Any],
    deps: Deps,
    *,
    before: str,
    environment: str,
    member: str,
    since: str,
    action: str,
    operation: str | None,
    service: str | None,
) -> None:
    """Show the next page, as a message of its own."""
    look = Look(
        environment=environment or None,
        member=int(member) if member else None,
        action=action or None,
        operation=operation or None,
        service=service or None,
        since=int(since) if since else None,
        before=int(before),
    )
    work = partial(show, interaction, deps, look=look)
    await boundary.answer(interaction, name="audit", observe=deps.observe, work=work)


def moment(text: str, *, now: datetime) -> int:
    """The moment that somebody typed, in seconds of the epoch; days are those of UTC. Refuses what is no moment."""
    ago = _AGO.fullmatch(text.strip().lower())
    try:
        if ago is not None:
            moment = now - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
        else:
            written = datetime.fromisoformat(text.strip())
            moment = written.astimezone(UTC) if written.tzinfo else written.replace(tzinfo=UTC)
        return max(int(moment.timestamp()), 0)
    except (ValueError, OverflowError) as error:
        raise Refused(Reason.SINCE_UNREADABLE) from error


def readable(interaction: discord.Interaction, deps: Deps) -> list[str]:
    """The environments whose trail the member may read, in the topology's order."""
    known = deps.catalog.environments
    return [name for name in known if Capability.AUDIT in deps.gate.allowed(interaction, environment=name)]


async def show(interaction: discord.Interaction, deps: Deps, *, look: Look, since: str | None = None) -> Card:
    """One page. Without an environment it has all that the member may read. `since` is what somebody typed.

    What belongs to no environment of the topology is only for who may read the trail of every one: nobody could say
    who else may see it. Refuses an operation of which they may read nothing like one that there is not. Looking is
    audited.
    """
    known, may = list(deps.catalog.environments), readable(interaction, deps)
    asked = look.environment or (may or known)[-1]
    await deps.gate.require(interaction, capability=Capability.AUDIT, environment=asked, service=look.service)
    if since is not None:
        look = replace(look, since=moment(since, now=deps.clock()))
    places = [look.environment] if look.environment else may
    if look.operation is not None:
        operation = await operations.get(deps.database, look.operation)
        if operation is None or (operation.environment not in may and may != known):
            raise Refused(Reason.OPERATION_UNKNOWN)
        places = [look.environment or operation.environment]
    wanted = Wanted(
        environments=None if places == known else places,
        actors=None if look.member is None else _names(look.member, deps),
        action=look.action,
        operation_id=look.operation,
        service=look.service,
        since=None if look.since is None else datetime.fromtimestamp(look.since, UTC),
        passed=look.action is not None,
    )
    found = await trail.page(deps.database, before=look.before, limit=LINES, wanted=wanted, guild_id=deps.guild_id)
    older = look.older(found.entries[-1].id) if found.more else None
    return card.page(found.entries, environments=places, cards=found.cards, more=found.more, older=older)


def _names(member: int, deps: Deps) -> list[str]:
    """What the trail calls a person: the member, and their login on GitHub where the topology file has it."""
    login = deps.catalog.logins.get(member)
    return [f"discord:{member}", *([f"github:{login}"] if login else [])]


KIND = Kind(template=_OLDER, press=_press)
