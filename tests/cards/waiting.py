"""The list of what waits, with everything that the cards of the requests say loudly.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py -k waiting
"""

from dataclasses import replace
from typing import Any

from bot.cards import waiting
from bot.cards.base import Card
from bot.domain.approvals import Approval
from bot.domain.operations import Between, Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason
from tests.cards import story
from tests.cards.looked import HOSTILE
from tests.cards.story import approval

_LOST = Between(base="a" * 40, head="b" * 40, gained=1, lost=3, lines=(), lost_lines=("fix: seats",))


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    back: dict[str, Any] = {"kind": OperationKind.ROLLBACK, "between": replace(_LOST, gained=0)}
    lists = {
        "deploys": (
            _asked(),
            _asked(hotfix="payments fail since 02:10", unsure=True),
            _asked(tag=story.TAG, between=_LOST, off_branch=True),
            _asked(hotfix=HOSTILE, between=_LOST, asked_again=1, unsure=True),
            _asked(unmapped=("hubot", "octocat`@everyone")),
        ),
        "rollbacks": (
            _asked(rollback=Rollback(way=Way.TAG, why="it fails"), **back),
            _asked(rollback=Rollback(way=Way.REVERT, why="it fails", reverts=(story.SOURCE,)), **back),
            _asked(rollback=Rollback(way=Way.HISTORY, why="it fails", entry=7), **back, service=None),
            _asked(rollback=Rollback(way=Way.TAG, why="it fails", emergency=True), **back),
        ),
    }
    own = (story.operation(OperationState.WAITING, service="stats-service"), Reason.OWN_REQUEST)
    return {
        f"waiting/{name}": waiting.several("prod", within_reach=found, others=[own], fingerprint="0f" * 8)
        for name, found in lists.items()
    }


def _asked(*, unsure: bool = False, unmapped: tuple[str, ...] = (), **facts: object) -> tuple[Approval, Operation]:
    consent = replace(approval(), unsure=unsure, unmapped=unmapped, refuse_unknown=False)
    return consent, story.operation(OperationState.WAITING, **facts)
