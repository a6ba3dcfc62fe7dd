"""The answer to /can: a decision in words, with the rule, the roles and whatever is in the way behind it."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from bot.cards import obstacles as ways
from bot.cards import standing
from bot.cards.base import DESCRIPTION_LIMIT, Card, Colour
from bot.cards.text import code, command, length, paragraphs, plain, several
from bot.domain.catalog import Environment
from bot.domain.freezes import Frozen
from bot.domain.locks import Lock
from bot.domain.obstacles import Obstacle
from bot.domain.permissions import OF_SERVICES, Capability
from bot.domain.permissions import place as named
from bot.domain.reasons import Refused
from bot.domain.stops import Stop

WORDS: dict[Capability, str] = {
    Capability.VIEW: "look at",
    Capability.DEPLOY: "deploy on",
    Capability.APPROVE: "approve on",
    Capability.ROLLBACK: "roll back on",
    Capability.REFRESH: "have Argo CD look again at",
    Capability.RESTART: "restart on",
    Capability.RERUN: "have runs run again on",
    Capability.TERMINATE: "stop a sync on",
    Capability.LOGS: "read logs on",
    Capability.LOCK: "lock and unlock",
    Capability.AUDIT: "read the audit trail of",
    Capability.FREEZE: "freeze and thaw",
    Capability.STOP: "stop and resume everything",
    Capability.BREAK_GLASS: "break glass on",
}
"""What each capability is in words, before the place; stopping has none."""
DECIDING = frozenset({Capability.APPROVE, Capability.BREAK_GLASS})
"""What is about requests of others, which may be deploys or rollbacks."""
_SERVICES = 5
_COUNTED = 200
"""Room for the words before what is in the way, and for what is only counted of it."""


def can(
    name: str,
    *,
    capability: Capability,
    environment: Environment,
    service: str | None,
    place: str,
    refused: Refused | None,
    granted: frozenset[int],
    roles: frozenset[int],
    services: Sequence[str],
    obstacles: Sequence[Obstacle],
    identified: bool,
) -> Card:
    """Whether a member may do something at this moment, why, and what else stands between that and its effect.

    `place` is what the right is asked for, as the topology names it. `granted` are the roles that have the capability
    there, `roles` those of the member, and `services` those for which the member has it alone. `obstacles` are all
    that would hold a deploy or a rollback, or the lock for which /lock would be refused; `identified` says that the
    topology file knows who they are on GitHub.
    """
    held = granted & roles
    may = "may" if refused is None else "may not"
    rule = f"{place}:{capability}"
    belongs = f"{code(rule, 150)} belongs to {_roles(granted)}."
    has = f"{plain(name, 40)} has {_roles(held)}." if held else f"{plain(name, 40)} has none of these roles."
    why = [belongs, has] if refused is None or granted else [belongs]
    if refused is not None and held:
        why.append(refused.sentence)  # The roles would do, and something else does not.
    if services:
        alone = several([f"**{plain(one, 63)}**" for one in services], limit=_SERVICES)
        why.append(f"They have it for {alone} alone: ask with `service`.")
    after = []
    if refused is None and capability is Capability.DEPLOY and environment.automated:
        after.append(_automated(environment, service))
    if refused is None and capability in (Capability.DEPLOY, Capability.ROLLBACK):
        after.append(_consent(environment, place=place, emergency=capability is Capability.ROLLBACK))
    if capability in DECIDING and not environment.required_approvals:
        after.append("Nothing waits for consent there.")
    elif refused is None and capability is Capability.APPROVE:
        after += [*_stands_for(environment, roles), *_never(environment, identified=identified)]
    elif refused is None and capability is Capability.BREAK_GLASS:
        after.append(
            "Alone, and also what they asked for themselves. Somebody from outside has to acknowledge it afterwards."
        )
    groups = [*_in_the_way(obstacles, capability, environment=environment, service=service, refused=bool(refused))]
    blocks = [" ".join(why), "\n".join(after)]
    for number, (lead, found, spared) in enumerate(groups, start=1):
        later = (len(groups) - number) * _COUNTED
        room = DESCRIPTION_LIMIT - length(paragraphs([*blocks, "-"])) - _COUNTED - later
        told = ways.all_told(found, most=ways.MOST, room=room)
        blocks.append("\n".join(filter(None, (f"**{lead}** {told}", spared))))
    colour = Colour.BAD if refused else Colour.WAITING if obstacles else Colour.GOOD
    asked = named(environment.name, service if capability in OF_SERVICES else None)
    return Card(
        title=f"{plain(name, 40)} {may} {WORDS[capability]} {asked}", colour=colour, description=paragraphs(blocks)
    )


def can_stop(
    name: str,
    *,
    granted: Mapping[str, frozenset[int]],
    missing: Collection[str],
    refused: Refused | None,
    stop: Stop | None,
) -> Card:
    """Whether a member may stop and resume everything, which needs every environment.

    `granted` has the roles by environment, `missing` the environments in which the member has none of them, and `stop`
    stands at this moment.
    """
    who, may = plain(name, 40), "may" if refused is None else "may not"
    lines = [f"{code(f'{place}:{Capability.STOP}', 90)} belongs to {_roles(granted[place])}." for place in missing]
    has = [code(place, 63) for place in granted if place not in missing]
    lines.append(f"{who} has it in {', '.join(has) or 'none of them'}.")
    if refused is not None and not missing:
        lines.append(refused.sentence)  # The roles would do, and something else does not.
    now = f"{ways.told(stop)}\n`/resume` ends that, and `/stop` is refused until then." if stop else ""
    return Card(
        title=f"{who} {may} {WORDS[Capability.STOP]}",
        colour=Colour.BAD if refused else Colour.GOOD,
        description=paragraphs(["\n".join(["Both need `stop` in every environment.", *lines]), now]),
    )


def _in_the_way(
    obstacles: Sequence[Obstacle],
    capability: Capability,
    *,
    environment: Environment,
    service: str | None,
    refused: bool,
) -> Iterator[tuple[str, Sequence[Obstacle], str]]:
    """What is in the way of what: the beginning of its sentence, all of it, and what it spares.

    That of one service is not in the way of the others, and what lets rollbacks through not in the way of consent to
    one.
    """
    besides = "Besides, " if refused else "But "
    if capability is Capability.LOCK:
        if obstacles:
            yield f"{besides}only with `take_over`", obstacles, ""
        return
    whole = [one for one in obstacles if service is not None or _service(one) is None]
    one_by_one = [one for one in obstacles if one not in whole]
    if whole and capability in DECIDING and all(map(_spares_rollbacks, whole)):
        yield f"{besides}no deploys now", whole, _spared(whole)
    elif whole:
        yield "Besides" if refused else "But not now", whole, ""
    of_all = capability in (*DECIDING, Capability.DEPLOY, Capability.ROLLBACK) and not environment.automated
    light = [one for one in one_by_one if capability in DECIDING and _spares_rollbacks(one)]
    for held, what in (([one for one in one_by_one if one not in light], "nothing"), (light, "no deploys")):
        if held:
            names = several([plain(name, 63) for name in dict.fromkeys(map(_service, held)) if name])
            of = f"{names}{', nor of all services at once' if of_all else ''}"
            yield f"{besides}{what} of {of}", held, _spared(held) if held is light else ""


def _service(obstacle: Obstacle) -> str | None:
    """The one service that it is about."""
    match obstacle:
        case Lock():
            return obstacle.service
        case Frozen():
            return obstacle.freeze.service
        case _:
            return None


def _spares_rollbacks(obstacle: Obstacle) -> bool:
    return isinstance(obstacle, Frozen) or (isinstance(obstacle, Lock) and not obstacle.blocks_rollbacks)


def _spared(found: Sequence[Obstacle]) -> str:
    """What goes all the same; a freeze that nobody can read lets no hot-fix through."""
    hotfixes = all(isinstance(one, Frozen) and one.until is not None for one in found)
    return f"Rollbacks{' and hot-fixes' if hotfixes else ''} are not held by that."


def _automated(environment: Environment, service: str | None) -> str:
    """What asking for a deploy is good for where Argo CD syncs by itself."""
    deploy = command("deploy", environment=environment.name, service=service or "", tag=service and "")
    return (
        f"Argo CD syncs {environment.name} by itself: what is pushed to {code(environment.branch, 60)} is deployed. "
        f"Only an image by its tag can be asked for: {deploy}{'' if service else ', with a `tag`'}."
    )


def _consent(environment: Environment, *, place: str, emergency: bool) -> str:
    """How many people must consent, and of which groups; a rollback may be an emergency."""
    if not environment.required_approvals:
        return "It needs nobody's consent."
    groups = environment.approval_groups
    needed = max(environment.required_approvals, len(groups))
    people = "somebody else" if needed == 1 else f"{needed} other people"
    among = standing.of_groups(groups, vacant=len(groups), missing=needed)
    least = " In an emergency one of them is enough, of any group." if emergency and needed > 1 else ""
    return f"After that {people} with {code(f'{place}:approve', 150)} must consent{among}.{least}"


def _stands_for(environment: Environment, roles: frozenset[int]) -> list[str]:
    """For which of the groups the member's consent counts, where there are any."""
    groups = environment.approval_groups
    filled = [f"**{plain(group.name, 40)}**" for group in groups if group.roles & roles]
    if not groups:
        return []
    if not filled:
        every = ", ".join(f"**{plain(group.name, 40)}**" for group in groups)
        return [f"They are in none of the groups {every}, so their consent counts only as one more person."]
    one = ": one person stands for one group" if len(filled) > 1 else ""
    return [f"Their consent counts for {' or '.join(filled)}{one}."]


def _never(environment: Environment, *, identified: bool) -> list[str]:
    """What whoever may approve cannot approve all the same."""
    lines = ["Never what they asked for, wrote, merged or had run again themselves."]
    if not identified:
        lines.append(
            "⚠️ They are not in the identity map, so what they wrote or merged on GitHub is not known as theirs."
        )
    if environment.refuse_unknown:
        lines.append("Nor what others wrote or merged who are not in the identity map.")
    if environment.refuse_unsure:
        lines.append("Nor where GitHub does not tell everybody who wrote or merged it.")
    return lines


def _roles(ids: frozenset[int]) -> str:
    return ", ".join(f"<@&{role}>" for role in sorted(ids)) or "nobody"
