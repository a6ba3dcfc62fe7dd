"""Who may do what: everybody in a table has the same set-up, and one thing makes the difference."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.permissions import EVERYWHERE, Actor, Capability, Policy
from bot.domain.reasons import SENTENCES, Reason, Refused

GUILD, DEVELOPER, APPROVER, OPERATOR = 1, 300, 400, 500
POLICY = Policy(
    guild_id=GUILD,
    grants={
        EVERYWHERE: {Capability.VIEW: frozenset({DEVELOPER}), Capability.APPROVE: frozenset({OPERATOR})},
        "staging": {Capability.DEPLOY: frozenset({DEVELOPER})},
        "prod": {Capability.APPROVE: frozenset({APPROVER})},
    },
)
MAY = Actor(id=12, name="jiwon", guild_id=GUILD, role_ids=frozenset({APPROVER, 999}))


def asked(actor: Actor, capability: Capability, *, environment: str) -> Refused | None:
    """The refusal, or None when the actor may; `allows` has to say the same."""
    try:
        POLICY.require(actor, capability=capability, environment=environment)
    except Refused as refusal:
        assert not POLICY.allows(actor, capability=capability, environment=environment)
        return refusal
    assert POLICY.allows(actor, capability=capability, environment=environment)
    return None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"guild_id": 2}, Reason.WRONG_PLACE),
        ({"guild_id": None}, Reason.WRONG_PLACE),
        ({"bot": True}, Reason.NOT_A_PERSON),
        ({"pending": True}, Reason.MEMBERSHIP_PENDING),
        ({"role_ids": frozenset()}, Reason.MISSING_ROLE),
        ({"role_ids": frozenset({DEVELOPER})}, Reason.MISSING_ROLE),
        ({"role_ids": frozenset({OPERATOR})}, None),
        ({"guild_id": 2, "bot": True, "pending": True, "role_ids": frozenset()}, Reason.WRONG_PLACE),
    ],
)
def test_one_difference_decides(change: dict[str, Any], expected: Reason | None) -> None:
    refusal = asked(replace(MAY, **change), Capability.APPROVE, environment="prod")

    assert (refusal.reason if refusal else None) is expected


@pytest.mark.parametrize(
    ("role", "capability", "environment", "expected"),
    [
        (DEVELOPER, Capability.VIEW, "dev", None),
        (DEVELOPER, Capability.VIEW, "prod", None),
        (DEVELOPER, Capability.DEPLOY, "staging", None),
        (DEVELOPER, Capability.DEPLOY, "prod", Reason.NOBODY_CONFIGURED),
        (APPROVER, Capability.APPROVE, "prod", None),
        (APPROVER, Capability.APPROVE, "staging", Reason.MISSING_ROLE),
        (OPERATOR, Capability.APPROVE, "staging", None),
        (OPERATOR, Capability.APPROVE, "prod", None),
        (OPERATOR, Capability.REFRESH, "prod", Reason.NOBODY_CONFIGURED),
        (APPROVER, Capability.VIEW, "prod", Reason.MISSING_ROLE),
    ],
)
def test_a_grant_counts_in_its_environment_or_everywhere(
    role: int, capability: Capability, environment: str, expected: Reason | None
) -> None:
    refusal = asked(replace(MAY, role_ids=frozenset({role})), capability, environment=environment)

    assert (refusal.reason if refusal else None) is expected


def test_a_refusal_names_who_could() -> None:
    refusal = asked(replace(MAY, role_ids=frozenset()), Capability.APPROVE, environment="prod")

    assert refusal is not None
    assert refusal.sentence == f"{SENTENCES[Reason.MISSING_ROLE]} prod:approve belongs to <@&400>, <@&500>."


def test_a_capability_that_nobody_has_is_named() -> None:
    refusal = asked(MAY, Capability.REFRESH, environment="prod")

    assert refusal is not None
    assert refusal.sentence == f"{SENTENCES[Reason.NOBODY_CONFIGURED]} (prod:refresh)"
    assert POLICY.roles(Capability.REFRESH, environment="prod") == frozenset()


def test_an_environment_called_like_the_scope_gets_no_more() -> None:
    assert POLICY.roles(Capability.APPROVE, environment=EVERYWHERE) == frozenset({OPERATOR})
