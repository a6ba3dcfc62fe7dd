"""Consent: every way out of `pending`, and nothing leaves the other states."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bot.domain import approvals
from bot.domain.approvals import Approval, ApprovalState, Vote
from bot.domain.reasons import Reason, Refused
from tests.domain.examples import ASKED_BY, OTHER, after, approval

THIRD = 13
NOW = after(260)
OVER = approval().expires_at
CLOSED = {
    ApprovalState.GRANTED: Reason.ALREADY_DECIDED,
    ApprovalState.REJECTED: Reason.ALREADY_DECIDED,
    ApprovalState.WITHDRAWN: Reason.WITHDRAWN,
    ApprovalState.EXPIRED: Reason.EXPIRED,
    ApprovalState.SUPERSEDED: Reason.SUPERSEDED,
}


def grant(given: Approval, *, person: int = OTHER, now: datetime = NOW) -> Approval:
    return approvals.grant(given, person=person, name=f"person {person}", now=now)


def reject(given: Approval, *, now: datetime = NOW) -> Approval:
    return approvals.reject(given, name=f"person {OTHER}", now=now)


def withdraw(given: Approval, *, person: int = OTHER, asked_by: int | None = OTHER, now: datetime = NOW) -> Approval:
    return approvals.withdraw(given, person=person, asked_by=asked_by, name=f"person {person}", now=now)


def vote(person: int = OTHER, *, at: datetime = NOW) -> Vote:
    return Vote(person=person, name=f"person {person}", at=at)


def refusal(decide: Callable[[], Approval]) -> Reason:
    with pytest.raises(Refused) as caught:
        decide()
    return caught.value.reason


def test_the_only_consent_needed_grants() -> None:
    assert grant(approval()) == approval(
        state=ApprovalState.GRANTED, votes=(vote(),), decided_at=NOW, decided_by="person 12"
    )


def test_consent_counts_people_and_the_last_one_grants() -> None:
    first = grant(approval(required=2))

    assert first == approval(required=2, votes=(vote(),))
    assert (first.missing, first.state) == (1, ApprovalState.PENDING)
    assert refusal(lambda: grant(first)) is Reason.ALREADY_VOTED

    second = grant(first, person=THIRD, now=after(300))
    assert second == approval(
        required=2,
        state=ApprovalState.GRANTED,
        votes=(vote(), vote(THIRD, at=after(300))),
        decided_at=after(300),
        decided_by="person 13",
    )
    assert second.missing == 0


def test_an_author_cannot_consent_and_somebody_else_can() -> None:
    given = approval(authors=frozenset({ASKED_BY, THIRD}))

    assert refusal(lambda: grant(given, person=ASKED_BY)) is Reason.OWN_REQUEST
    assert refusal(lambda: grant(given, person=THIRD)) is Reason.OWN_REQUEST
    assert grant(given, person=OTHER).state is ApprovalState.GRANTED


@pytest.mark.parametrize(
    ("people", "telling", "refusing"),
    [
        ({"unmapped": ("octocat",)}, {"refuse_unknown": False, "refuse_unsure": True}, {}),
        ({"unsure": True}, {}, {"refuse_unsure": True}),
    ],
    ids=["unmapped", "unsure"],
)
def test_what_unknown_people_made_is_refused_unless_the_other_is_wanted(
    people: dict[str, Any], telling: dict[str, Any], refusing: dict[str, Any]
) -> None:
    told = replace(approval(), **people, **telling)
    refused = replace(approval(), **people, **refusing)

    assert (told.unknown, told.refuses, grant(told).state) == (True, False, ApprovalState.GRANTED)
    assert (refused.refuses, refusal(lambda: grant(refused))) == (True, Reason.UNKNOWN_AUTHORS)
    assert reject(refused).state is ApprovalState.REJECTED
    broken = approvals.break_glass(refused, person=ASKED_BY, name="mina", reason="down", now=NOW)
    assert broken.state is ApprovalState.GRANTED
    assert grant(approval()).state is ApprovalState.GRANTED


def test_one_no_closes_and_keeps_the_votes() -> None:
    given = grant(approval(required=2))

    assert reject(given) == replace(given, state=ApprovalState.REJECTED, decided_at=NOW, decided_by=f"person {OTHER}")


def test_only_who_asked_takes_it_back_and_the_votes_stay() -> None:
    given = grant(approval(required=2, authors=frozenset({ASKED_BY, THIRD})))

    # Who wrote the commit did not ask for its deploy; and what nobody here asked for, nobody here takes back.
    for person, asked_by in ((THIRD, ASKED_BY), (OTHER, ASKED_BY), (ASKED_BY, None)):
        assert refusal(lambda who=person, by=asked_by: withdraw(given, person=who, asked_by=by)) is (  # type: ignore[misc]
            Reason.NOT_YOUR_REQUEST
        )
    assert withdraw(given, person=ASKED_BY, asked_by=ASKED_BY) == replace(
        given, state=ApprovalState.WITHDRAWN, decided_at=NOW, decided_by=f"person {ASKED_BY}"
    )


@pytest.mark.parametrize("decide", [grant, reject, withdraw])
def test_time_is_over_at_the_very_moment(decide: Callable[..., Approval]) -> None:
    in_time = OVER.replace(minute=OVER.minute - 1)

    assert decide(approval(), now=in_time).decided_at == in_time
    assert refusal(lambda: decide(approval(), now=OVER)) is Reason.EXPIRED


def test_a_request_expires_when_its_time_is_over_and_not_before() -> None:
    assert approvals.expire(approval(), now=NOW) == approval()
    assert approvals.expire(approval(), now=OVER) == approval(state=ApprovalState.EXPIRED, decided_at=OVER)


def test_a_request_whose_content_moved_is_superseded() -> None:
    assert approvals.supersede(approval(), now=NOW) == approval(state=ApprovalState.SUPERSEDED, decided_at=NOW)


@pytest.mark.parametrize(("state", "reason"), CLOSED.items())
def test_nothing_leaves_a_closed_state(state: ApprovalState, reason: Reason) -> None:
    closed = approval(state=state)

    assert refusal(lambda: grant(closed)) is reason
    assert refusal(lambda: reject(closed)) is reason
    assert refusal(lambda: withdraw(closed)) is reason
    assert approvals.expire(closed, now=OVER) is closed
    assert approvals.supersede(closed, now=NOW) is closed


def test_every_state_is_open_or_closed() -> None:
    assert {ApprovalState.PENDING, *CLOSED} == set(ApprovalState)


def test_a_closed_request_says_so_before_anything_about_the_person() -> None:
    closed = approval(state=ApprovalState.REJECTED, votes=(vote(),))

    assert refusal(lambda: grant(closed, person=ASKED_BY)) is Reason.ALREADY_DECIDED
    assert refusal(lambda: grant(closed, person=OTHER)) is Reason.ALREADY_DECIDED
    assert refusal(lambda: withdraw(closed, asked_by=ASKED_BY)) is Reason.ALREADY_DECIDED
