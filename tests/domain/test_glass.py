"""Broken glass: one person is enough, another one has to look at it, and people are reminded until they do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import approvals
from bot.domain.approvals import Approval, ApprovalState, Broken, Group, Review, Vote
from bot.domain.reasons import Reason, Refused
from tests.domain.examples import ASKED_BY, OTHER, after, approval

NOW = after(260)
HOUR = timedelta(hours=1)
BROKEN = Broken(person=ASKED_BY, name="mina", at=NOW, reason="it burns")
STRICT = approval(required=3, groups=(Group(name="security", roles=frozenset({501})),))


def smash(given: Approval, *, person: int = ASKED_BY) -> Approval:
    return approvals.break_glass(
        given, person=person, name="mina", reason="it burns", roles=frozenset({500}), now=BROKEN.at
    )


def test_one_person_lets_their_own_request_go_whoever_is_missing() -> None:
    assert ASKED_BY in STRICT.authors
    own = Vote(person=ASKED_BY, name="mina", at=NOW, roles=frozenset({500}))

    assert smash(STRICT) == replace(
        STRICT, state=ApprovalState.GRANTED, votes=(own,), decided_at=NOW, decided_by="mina", broken=BROKEN
    )


def test_whoever_consented_before_counts_once() -> None:
    first = approvals.grant(STRICT, person=OTHER, name="jiwon", now=NOW)

    assert [vote.person for vote in smash(first).votes] == [OTHER, ASKED_BY]
    assert smash(first, person=OTHER).votes == first.votes


@pytest.mark.parametrize("state", sorted(set(ApprovalState) - {ApprovalState.PENDING}))
def test_what_is_closed_stays_closed(state: ApprovalState) -> None:
    with pytest.raises(Refused):
        smash(approval(state=state))


def test_what_has_expired_is_not_let_go() -> None:
    with pytest.raises(Refused) as refused:
        smash(approval(expires_at=NOW))
    assert refused.value.reason is Reason.EXPIRED


def test_another_person_reviews_it_once() -> None:
    broken = smash(approval())
    told = []
    for given, person in ((broken, ASKED_BY), (approval(), OTHER)):
        with pytest.raises(Refused) as refused:
            approvals.review(given, person=person, asked_by=ASKED_BY, name="x", now=NOW)
        told.append(refused.value.reason)
    reviewed = approvals.review(broken, person=OTHER, asked_by=ASKED_BY, name="jiwon", now=NOW + HOUR)
    with pytest.raises(Refused) as again:
        approvals.review(reviewed, person=13, asked_by=ASKED_BY, name="sora", now=NOW + HOUR)

    assert [*told, again.value.reason] == [Reason.OWN_GLASS, Reason.NOTHING_TO_REVIEW, Reason.NOTHING_TO_REVIEW]
    review = Review(person=OTHER, name="jiwon", at=NOW + HOUR)
    assert reviewed == replace(broken, broken=replace(BROKEN, review=review))


def test_neither_who_asked_nor_who_wrote_it_is_a_look_from_outside() -> None:
    author, stranger = 21, 22
    broken = smash(approval(authors=frozenset({author})), person=OTHER)
    told = []
    for person in (ASKED_BY, author):
        with pytest.raises(Refused) as refused:
            approvals.review(broken, person=person, asked_by=ASKED_BY, name="x", now=NOW)
        told.append(refused.value.reason)

    assert told == [Reason.OWN_REQUEST, Reason.OWN_REQUEST]
    reviewed = approvals.review(broken, person=stranger, asked_by=ASKED_BY, name="sora", now=NOW)
    assert reviewed.broken is not None
    assert reviewed.broken.review == Review(person=stranger, name="sora", at=NOW)


@pytest.mark.parametrize(
    ("hours", "nags"),
    [
        (0, 0),
        (3.99, 0),
        (4, 1),
        (23.99, 1),
        (24, 2),
        (47.99, 2),
        (48, 3),
        (72, 4),
        (167.99, 7),
        (168, 8),
        (240, 11),
        (8760, 366),
    ],
)
def test_reminders_come_after_four_hours_a_day_and_then_daily_without_an_end(hours: float, nags: int) -> None:
    broken, now = smash(approval()), NOW + hours * HOUR
    reviewed = approvals.review(broken, person=OTHER, asked_by=ASKED_BY, name="jiwon", now=NOW)

    reminded = approvals.nagged(broken, now=now)
    assert reminded == replace(broken, broken=replace(BROKEN, nags=nags))
    assert approvals.nagged(reminded, now=now) == reminded
    assert approvals.nagged(reviewed, now=now) == reviewed
    assert approvals.nagged(approval(), now=now) == approval()
    further = replace(broken, broken=replace(BROKEN, nags=400))  # The clock was set back.
    assert approvals.nagged(further, now=now) == further
    week = replace(broken, broken=replace(BROKEN, nags=min(nags, 8)))  # An earlier version told no more than these.
    assert approvals.nagged(week, now=now) == reminded
