"""Deploy locks as people see them: in the channel, in answers, in refusals, and in one line on other cards.

The message about a lock is written when it is placed, and again with each reminder, so that the channel is told: an
edit tells nobody. The newest of them says how the lock ended. Nobody is mentioned.
"""

from collections.abc import Sequence

from bot.cards.base import Card, Colour, Field, counted
from bot.cards.text import ago, code, command, cut, duration, paragraphs, plain
from bot.domain import rollbacks
from bot.domain.catalog import Environment
from bot.domain.locks import REASON_LIMIT, End, Ended, Lock
from bot.domain.operations import Operation

SHOWN = 12
"""How many locks /locks shows at most; with the longest reasons and names fewer find room."""
_NAME = 40
_UNKNOWN = "It could not be read: nobody knows who had locked it, why, and since when."
_GOES_ON = (End.RENEWED, End.TAKEN_OVER)


def told(lock: Lock, *, limit: int = REASON_LIMIT) -> str:
    """One line: what is locked, by whom, since when, until when, and why in `limit` characters."""
    if lock.unreadable:
        return f"🔒 **{_place(lock)}** has a lock that cannot be read: {code(lock.short_id, _NAME)}"
    ends = f", ends {ago(lock.until)}" if lock.until else ""
    return f"🔒 **{_place(lock)}** locked by {_owner(lock)} {ago(lock.since)}{ends}: {plain(lock.reason, limit)}"


def way_out(lock: Lock) -> str:
    """What whoever is stopped by the lock can do."""
    return f"{_unlock(lock, reason='')} removes it, {_take_over(lock)} makes it yours."


def choice(lock: Lock) -> str:
    """How a lock is offered while somebody types, without markdown."""
    what = "cannot be read" if lock.unreadable else f"{cut(lock.owner_name, _NAME)} · {lock.reason}"
    return f"{_place(lock)} · {what}"


def notice(lock: Lock, *, environment: Environment, number: int, rollback: Operation | None = None) -> Card:
    """The message about a lock: the first one, or reminder `number`. One that has ended says how.

    `rollback` is the one that left it behind, as far as that is known.
    """
    if lock.ended is not None:
        return _gone(lock, lock.ended, number=number)
    words = f"{'still locked' if number else 'locked'} by {_owner(lock)}"
    what = f"{plain(lock.reason, REASON_LIMIT)}\nSince {ago(lock.since)}"
    if lock.unreadable:
        words, what = "a lock that cannot be read", "Nobody knows who locked it, why, and since when"
    ends = f"Ends {ago(lock.until)}" if lock.until else "It has no end of its own"
    left = "A rollback left it behind: no newer version goes out before it is gone." if lock.operation_id else ""
    if rollback is not None and rollbacks.is_open(rollback):
        left += "\n⚠️ **Git still asks for what was rolled back**: the next sync brings it back."
    return Card(
        title=f"🔒 {_place(lock)} · {words}",
        colour=Colour.WAITING,
        reference=_reference(lock, number),
        description=paragraphs(
            [
                f"{what} · {ends}",
                "\n".join(filter(None, (left, _effect(lock), _automated(environment)))),
                f"**Next** {way_out(lock)}",
            ]
        ),
        timestamp=None if lock.unreadable else lock.since,
    )


def placed(lock: Lock, *, environment: Environment, before: Lock | None, under_way: Sequence[Operation]) -> Card:
    """The answer to /lock: what holds now and what does not. `before` is the lock that this one replaces."""
    was = "renewed" if before and before.owner_id == lock.owner_id else "taken over" if before else "locked"
    lost = ""
    if before:
        lost = f"It was locked by {_owner(before)} {ago(before.since)}: {plain(before.reason, REASON_LIMIT)}"
        lost = _UNKNOWN if before.unreadable else lost
    ends = f"It ends {ago(lock.until)}, or with {_unlock(lock)}." if lock.until else f"It stands until {_unlock(lock)}."
    return Card(
        title=f"🔒 {_place(lock)} · {was}",
        colour=Colour.GOOD,
        description="\n".join(
            filter(None, (lost, _effect(lock), ends, _under_way(under_way, environment), _automated(environment)))
        ),
    )


def removed(lock: Lock, *, left: Sequence[Lock]) -> Card:
    """The answer to /unlock of a lock that has ended; `left` are those that go on holding in the environment."""
    stood = f"It stood for {duration((lock.ended.at - lock.since).total_seconds())}." if lock.ended else ""
    if lock.unreadable:
        stood = _UNKNOWN
    others = [told(one, limit=80) for one in left]
    return Card(
        title=f"🔓 {_place(lock)} · unlocked",
        colour=Colour.GOOD,
        description="\n".join([stood, *(["Still locked there:", *others] if others else [])]),
    )


def listed(locks: Sequence[Lock]) -> Card:
    """The answer to /locks."""
    card = Card(
        title="Deploy locks",
        colour=Colour.WAITING if locks else Colour.QUIET,
        description="" if locks else "Nothing is locked.",
        fields=tuple(Field(name=f"🔒 {_place(lock)}", value=_row(lock)) for lock in locks[:SHOWN]),
    )
    return counted(card, total=len(locks), rest=lambda more: f"and {more} more: /status environment:" if more else "")


def _row(lock: Lock) -> str:
    if lock.unreadable:
        return f"⚠️ **It cannot be read, so it holds, for rollbacks too**\n{_unlock(lock, reason='')}"
    ends = f" · ends {ago(lock.until)}" if lock.until else ""
    origin = "left behind by a rollback" if lock.operation_id else ""
    rules = " · ".join(filter(None, ("stops rollbacks too" if lock.blocks_rollbacks else "", origin)))
    first = f"{_owner(lock)} {ago(lock.since)}{ends}"
    return "\n".join(filter(None, (first, plain(lock.reason, REASON_LIMIT), rules, _unlock(lock, reason=""))))


def _gone(lock: Lock, ended: Ended, *, number: int) -> Card:
    by = f" by {plain(ended.by, _NAME)}" if ended.by else ""
    words = "unlocked" if ended.how is End.UNLOCKED else f"lock {ended.how}"
    why = f"{plain(ended.by, _NAME)}: {plain(ended.reason, REASON_LIMIT)}" if ended.reason else ""
    what = f"{_owner(lock)} locked it {ago(lock.since)}: {plain(lock.reason, REASON_LIMIT)}"
    if lock.unreadable:
        what = _UNKNOWN
    return Card(
        title=f"{'🔒' if ended.how in _GOES_ON else '🔓'} {_place(lock)} · {words}{by}",
        colour=Colour.QUIET,
        reference=_reference(lock, number),
        description="\n".join(filter(None, (what, why))),
        timestamp=ended.at,
    )


def _effect(lock: Lock) -> str:
    if lock.blocks_rollbacks:
        return "Deploys, rollbacks and approvals are refused. Restarts are not."
    return "Deploys and approvals are refused. Rollbacks and restarts are not."


def _automated(environment: Environment) -> str:
    """What nobody should believe of a lock where Argo CD asks nobody."""
    if not environment.automated:
        return ""
    return (
        f"⚠️ Argo CD syncs {environment.name} by itself, and a lock cannot stop that: what is pushed to "
        f"{code(environment.branch, 60)} is deployed all the same. Only what is asked of me is refused."
    )


def _under_way(operations: Sequence[Operation], environment: Environment) -> str:
    if not operations:
        return ""
    what = ", ".join(
        f"{one.kind} {one.subject} by {plain(one.requested_name, _NAME)}"
        f"{' (its pull request is closed soon)' if one.proposed else ''}"
        for one in operations[:5]
    )
    return f"⚠️ Under way and not stopped: {what}. {command('terminate', environment=environment.name)} stops a sync."


def _reference(lock: Lock, number: int) -> str:
    """What tells the messages about one lock apart."""
    return f"lock {lock.id} {number}"


def _place(lock: Lock) -> str:
    return f"{lock.service} → {lock.environment}" if lock.service else lock.environment


def _owner(lock: Lock) -> str:
    return plain(lock.owner_name, _NAME)


def _unlock(lock: Lock, *, reason: str | None = None) -> str:
    """An empty reason is for whoever may not own the lock: they need one."""
    return command("unlock", environment=lock.environment, service=lock.service, reason=reason)


def _take_over(lock: Lock) -> str:
    place = {"environment": lock.environment, "service": lock.service}
    return command("lock", **place, take_over=lock.short_id, reason="")
