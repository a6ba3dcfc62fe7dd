"""The answer to /can: a decision in words, with the rule, the roles and whatever is in the way behind it."""

from collections.abc import Collection, Mapping, Sequence

from bot.cards import obstacles as ways
from bot.cards import standing
from bot.cards.base import Card, Colour
from bot.cards.text import code, paragraphs, plain
from bot.domain.catalog import Environment
from bot.domain.obstacles import Obstacle
from bot.domain.permissions import Capability
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


def can(
    name: str,
    *,
    capability: Capability,
    environment: Environment,
    place: str,
    refused: Refused | None,
    granted: frozenset[int],
    roles: frozenset[int],
    obstacles: Sequence[Obstacle],
    identified: bool,
) -> Card:
    """Whether a member may do something at this moment, why, and what else stands between that and its effect.

    `place` is the environment's name, or what the topology calls one service there. `granted` are the roles that have
    the capability there, `roles` those of the member; `identified` says that the topology file knows who they are on
    GitHub.
    """
    held = granted & roles
    may = "may" if refused is None else "may not"
    rule = f"{place}:{capability}"
    belongs = f"{code(rule, 150)} belongs to {_roles(granted)}."
    has = f"{plain(name, 40)} has {_roles(held)}." if held else f"{plain(name, 40)} has none of these roles."
    why = [belongs, has] if refused is None or granted else [belongs]
    if refused is not None and held:
        why.append(refused.sentence)  # The roles would do, and something else does not.
    after = []
    if refused is None and capability in (Capability.DEPLOY, Capability.ROLLBACK):
        after.append(_consent(environment, place=place, emergency=capability is Capability.ROLLBACK))
    if refused is None and capability is Capability.APPROVE:
        after += [*_stands_for(environment, roles), *_never(environment, identified=identified)]
    if refused is None and capability is Capability.BREAK_GLASS:
        after.append(
            "Alone, and also what they asked for themselves. Somebody from outside has to acknowledge it afterwards."
        )
    told, lead = ways.all_told(obstacles, most=ways.MOST), "Besides" if refused else "But not now"
    colour = Colour.BAD if refused else Colour.WAITING if obstacles else Colour.GOOD
    return Card(
        title=f"{plain(name, 40)} {may} {WORDS[capability]} {place}",
        colour=colour,
        description=paragraphs([" ".join(why), "\n".join(after), f"**{lead}** {told}" if told else ""]),
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
    return lines


def _roles(ids: frozenset[int]) -> str:
    return ", ".join(f"<@&{role}>" for role in sorted(ids)) or "nobody"
