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


PAYMENTS, ANYWHERE = 600, 700
APART = replace(
    POLICY,
    grants={
        **POLICY.grants,
        "prod": {**POLICY.grants["prod"], Capability.DEPLOY: frozenset({DEVELOPER})},
        "prod/payment-service": {
            Capability.DEPLOY: frozenset({PAYMENTS}),
            Capability.VIEW: frozenset({PAYMENTS}),
        },
        "*/payment-service": {Capability.RESTART: frozenset({ANYWHERE})},
    },
)


@pytest.mark.parametrize(
    ("role", "capability", "environment", "services"),
    [
        (DEVELOPER, Capability.DEPLOY, "prod", {"payment-service", "backend", None}),
        (PAYMENTS, Capability.DEPLOY, "prod", {"payment-service"}),
        (PAYMENTS, Capability.DEPLOY, "staging", set()),
        (ANYWHERE, Capability.RESTART, "prod", {"payment-service"}),
        (ANYWHERE, Capability.RESTART, "staging", {"payment-service"}),
        (ANYWHERE, Capability.DEPLOY, "prod", set()),
        (PAYMENTS, Capability.VIEW, "prod", set()),  # That is granted for whole environments only.
    ],
)
def test_a_grant_for_a_service_counts_for_nothing_else(
    role: int, capability: Capability, environment: str, services: set[str | None]
) -> None:
    actor = replace(MAY, role_ids=frozenset({role}))
    named = ("payment-service", "backend", "payment-service-2", "", None)
    may = {one for one in named if APART.allows(actor, capability=capability, environment=environment, service=one)} - (
        {"payment-service-2", ""} if None in services else set()
    )

    assert may == services


def test_with_grants_for_services_a_refusal_names_the_service() -> None:
    for service, words in (
        ("payment-service", "prod/payment-service:deploy belongs to <@&300>, <@&600>."),
        (None, "prod:deploy belongs to <@&300>."),
    ):
        with pytest.raises(Refused) as refused:
            APART.require(MAY, capability=Capability.DEPLOY, environment="prod", service=service)
        assert (refused.value.reason, refused.value.detail) == (Reason.MISSING_ROLE, words)
    with pytest.raises(Refused) as refused:
        APART.require(MAY, capability=Capability.RESTART, environment="prod", service="backend")
    assert (refused.value.reason, refused.value.detail) == (Reason.NOBODY_CONFIGURED, "(prod/backend:restart)")
