"""Required groups: somebody of each, one person for one group, in whatever order people press."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import approvals
from bot.domain.approvals import Approval, ApprovalState, Group
from bot.domain.reasons import Reason, Refused
from tests.domain.examples import after, approval

RELEASE, SECURITY, OTHER = 51, 52, 53
GROUPS = (Group(name="release", roles=frozenset({RELEASE})), Group(name="security", roles=frozenset({SECURITY})))
NOW = after(260)


def voted(*people: set[int], required: int = 2, groups: tuple[Group, ...] = GROUPS) -> Approval:
    """The approval after one person each with these roles pressed, until it was granted."""
    one = approval(required=required, groups=groups)
    for person, roles in enumerate(people):
        if one.state is ApprovalState.PENDING:
            one = approvals.grant(one, person=person, name="somebody", roles=frozenset(roles), now=NOW)
    return one


def names(one: Approval) -> list[str]:
    return [group.name for group in one.unfilled]


def test_enough_people_of_one_group_are_not_enough() -> None:
    two = voted({RELEASE}, {RELEASE, OTHER})
    assert (two.state, names(two), two.vacant, two.missing) == (ApprovalState.PENDING, ["security"], 1, 1)

    three = voted({RELEASE}, {RELEASE, OTHER}, {SECURITY})
    assert (three.state, names(three), three.missing) == (ApprovalState.GRANTED, [], 0)


def test_groups_filled_by_too_few_people_are_not_enough() -> None:
    two = voted({RELEASE}, {SECURITY}, required=3)
    assert (two.state, names(two), two.missing) == (ApprovalState.PENDING, [], 1)
    assert voted({RELEASE}, {SECURITY}, {OTHER}, required=3).state is ApprovalState.GRANTED


def test_one_person_stands_for_one_group_and_for_whichever_is_needed() -> None:
    both = voted({RELEASE, SECURITY})
    assert (both.state, names(both), both.vacant) == (ApprovalState.PENDING, ["release", "security"], 1)

    for other in ({RELEASE}, {SECURITY}, {RELEASE, SECURITY}):
        for order in permutations([other, {RELEASE, SECURITY}]):
            assert voted(*order).state is ApprovalState.GRANTED, order
    with pytest.raises(Refused) as refused:
        approvals.grant(both, person=0, name="again", roles=frozenset({SECURITY}), now=NOW)
    assert refused.value.reason is Reason.ALREADY_VOTED


def test_a_vote_keeps_the_roles_of_its_moment() -> None:
    assert voted({RELEASE, OTHER}).votes[0].roles == {RELEASE, OTHER}


@given(st.lists(st.sets(st.integers(0, 3)), max_size=5), st.lists(st.sets(st.integers(0, 3), min_size=1), max_size=4))
def test_as_many_groups_are_filled_as_anybody_could_fill(people: list[set[int]], groups: list[set[int]]) -> None:
    made = tuple(Group(name=str(number), roles=frozenset(roles)) for number, roles in enumerate(groups))
    one = voted(*people, required=10, groups=made)
    seats = [*range(len(groups)), *[-1] * len(people)]
    most = max(
        sum(seat >= 0 and bool(people[person] & groups[seat]) for person, seat in enumerate(order))
        for order in permutations(seats, len(people))
    )

    assert one.vacant == len(groups) - most
    assert bool(one.unfilled) == (one.vacant > 0)
