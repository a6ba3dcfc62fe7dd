"""The table of docs/policy.md as values, who may do what in the town, and what follows from both."""

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
    """One order of the table: `needs` are capabilities with where they are asked."""

    order: str
    needs: tuple[tuple[Capability, str], ...]
    stop: Reason | None
    lock: Reason | None
    freeze: Reason | None
    besides: tuple[Reason, ...]


def table() -> list[Row]:
    """Every row, in the order of the page. A word that is no capability or reason fails."""
    found = []
    for order, needs, stop, lock, freeze, besides in rows(section(PAGE, "The table")):
        words = codes(needs)
        pairs = zip(words[::2], words[1::2], strict=True)
        found.append(
            Row(
                order=order.replace("`", "").replace("*", ""),
                needs=tuple((Capability(capability), where) for capability, where in pairs),
                stop=_reason(stop),
                lock=_reason(lock),
                freeze=_reason(freeze),
                besides=tuple(Reason(code) for code in codes(besides)),
            )
        )
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


def _lacks(capability: Capability, environment: str, role: str) -> Reason | None:
    granted = GRANTS[environment].get(capability)
    if granted is None:
        return Reason.NOBODY_CONFIGURED
    return None if role in granted else Reason.MISSING_ROLE


def _reason(cell: str) -> Reason | None:
    return Reason(cell.strip("`")) if cell else None
