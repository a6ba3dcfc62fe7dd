"""The tables of docs/policy.md as values, who may do what in the town, and the answer that follows from both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.permissions import Capability
from bot.domain.reasons import Reason
from tests.docs.pages import ROOT, codes, rows, section

PAGE = ROOT / "docs" / "policy.md"
ENVIRONMENTS = ("dev", "staging", "prod")
ROLES = ("nobody", "viewer", "developer", "approver")
BEFORE = {"dev": "staging", "staging": "dev", "prod": "staging"}
"""Which other environment an order names that needs two."""
AUTOMATED, WHERE_AUTOMATED = frozenset({"dev", "staging"}), " where automated"
"""Where Argo CD syncs by itself, and how the page says that a cell is about those."""
NOTHING = "counts nothing"
"""What the page says where a press is no refusal and counts for nothing either."""
ALONE = tuple(frozenset(one) for one in ((), ("stop",), ("lock",), ("freeze",)))
"""What may stand in the way, by itself."""
TOGETHER = tuple(
    frozenset(one)
    for one in (("lock on rollbacks",), ("lock", "freeze"), ("stop", "lock", "freeze"), ("lock on rollbacks", "freeze"))
)
"""The same where a lock matters: a lock on rollbacks, and several at once."""
OWNERS = ("somebody else's", "own")
STATES = ("waits", "expired", "superseded", "noticed")
"""What became of a request; `noticed` is superseded, too: a read of the Application saw that its content has moved."""
UNSEEN = {"/why": Reason.OPERATION_UNKNOWN, "/freeze remove": Reason.FREEZE_UNKNOWN}

_ALL = frozenset({"viewer", "developer", "approver"})
_BOTH = frozenset({"developer", "approver"})
_ONE = frozenset({"approver"})
_OTHERS = frozenset(Capability) - {Capability.VIEW, Capability.APPROVE, Capability.STOP}
GRANTS: Mapping[str, Mapping[Capability, frozenset[str]]] = {
    "dev": {
        Capability.VIEW: _ALL,
        Capability.STOP: _ONE,
        **dict.fromkeys(_OTHERS, frozenset({"developer"})),
    },
    "staging": {
        Capability.VIEW: _ALL,
        Capability.STOP: _ONE,
        Capability.APPROVE: _ONE,
        **dict.fromkeys(_OTHERS, _BOTH),
    },
    "prod": {
        Capability.VIEW: _BOTH,
        Capability.STOP: _ONE,
        Capability.APPROVE: _ONE,
        **dict.fromkeys(_OTHERS, _ONE),
        Capability.DEPLOY: frozenset({"developer"}),
    },
}
"""Environment -> capability -> roles: in dev nobody approves, in staging viewers see, in prod they do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order of the first table: `needs` are capabilities with where they are asked.

    With `automated` a lock and a freeze matter only where Argo CD syncs by itself. `request` is its row of the second
    table by the heads of the columns, for what is about a request.
    """

    order: str
    needs: tuple[tuple[Capability, str], ...]
    stop: Reason | None
    lock: Reason | None
    freeze: Reason | None
    besides: tuple[Reason, ...]
    automated: bool
    request: Mapping[str, Reason | str | None] | None

    @property
    def consents(self) -> bool:
        """Whether it lets a request go: then what it was shown may have moved."""
        return self.request is not None and self.request["moved"] is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What stands in the way, whose request it is and what became of it, and whether it goes back or is a hot-fix."""

    obstacles: frozenset[str] = frozenset()
    owner: str = OWNERS[0]
    state: str = STATES[0]
    kind: str = "deploy"


def table() -> list[Row]:
    """Every row, in the order of the page. A word that is no capability or reason fails."""
    head, *below = rows(section(PAGE, "Requests"), head=True)
    requests = {_name(order): dict(zip(head[1:], map(_answer, cells), strict=True)) for order, *cells in below}
    found = []
    for order, needs, stop, lock, freeze, besides in rows(section(PAGE, "The table")):
        words = codes(needs)
        pairs = zip(words[::2], words[1::2], strict=True)
        found.append(
            Row(
                order=_name(order),
                needs=tuple((Capability(capability), where) for capability, where in pairs),
                stop=_reason(stop),
                lock=_reason(lock),
                freeze=_reason(freeze),
                automated=lock.endswith(WHERE_AUTOMATED),
                besides=tuple(Reason(code) for code in codes(besides)),
                request=requests.pop(_name(order), None),
            )
        )
    assert requests == {}
    return found


def labels() -> list[str]:
    """The buttons of the table, as the first cells write them."""
    cells = [cells[0] for cells in rows(section(PAGE, "The table"))]
    return [cell for cell in cells if cell.startswith("**") and not cell.endswith("its form")]


def commands() -> list[str]:
    """The commands of the table."""
    return [cells[0].strip("`") for cells in rows(section(PAGE, "The table")) if re.fullmatch("`/[^`]+`", cells[0])]


def refusal(row: Row, *, environment: str, role: str) -> Reason | None:
    """What the table and the grants make of an order in an environment; None when it passes."""
    for capability, where in row.needs:
        match where:
            case "any":
                if not any(_lacks(capability, place, role) is None for place in ENVIRONMENTS):
                    return _lacks(capability, ENVIRONMENTS[-1], role)
                if row.order in UNSEEN and _lacks(capability, environment, role):
                    return UNSEEN[row.order]
            case "every":
                found = [_lacks(capability, place, role) for place in ENVIRONMENTS]
                if any(found):
                    return next(filter(None, found))
            case _:
                missing = _lacks(capability, BEFORE[environment] if where == "from" else environment, role)
                if missing:
                    return missing
    return None


def answer(row: Row, *, environment: str, role: str, situation: Situation) -> Reason | str | None:
    """What the tables make of an order in a situation: None when it passes, `NOTHING` when it then counts nothing."""
    refused = refusal(row, environment=environment, role=role)
    if refused is not None:
        return refused
    obstacle = _obstacle(row, situation, automated=environment in AUTOMATED)
    if row.request is None:
        return obstacle
    over = None if situation.state == "waits" else row.request[situation.state.replace("noticed", "superseded")]
    if over == NOTHING or (over and situation.state in ("superseded", "noticed")):
        return over
    return obstacle or over or row.request[situation.owner]


def _obstacle(row: Row, situation: Situation, *, automated: bool) -> Reason | None:
    """A stop before a lock before a freeze; going back passes a freeze, and a lock that was not set on rollbacks."""
    if row.automated and not automated:
        return row.stop if "stop" in situation.obstacles else None
    back = situation.kind == "rollback" or any(capability is Capability.ROLLBACK for capability, _ in row.needs)
    locks = {"lock on rollbacks"} if back else {"lock", "lock on rollbacks"}
    passes = back or situation.kind == "hotfix"
    standing = (
        row.stop if "stop" in situation.obstacles else None,
        row.lock if situation.obstacles & locks else None,
        row.freeze if "freeze" in situation.obstacles and not passes else None,
    )
    return next(filter(None, standing), None)


def _name(order: str) -> str:
    return order.replace("`", "").replace("*", "")


def _answer(cell: str) -> Reason | str | None:
    return cell if cell == NOTHING else _reason(cell)


def _lacks(capability: Capability, environment: str, role: str) -> Reason | None:
    granted = GRANTS[environment].get(capability)
    if granted is None:
        return Reason.NOBODY_CONFIGURED
    return None if role in granted else Reason.MISSING_ROLE


def _reason(cell: str) -> Reason | None:
    return Reason(cell.removesuffix(WHERE_AUTOMATED).strip("`")) if cell else None
