"""Consent to one operation on one exact content.

An approval is bound to the digest of what was shown: revision, images, diff. If the content has moved by the time
the operation starts, the consent means nothing, so the worker lets the approval lapse instead of covering code nobody
reviewed.

    pending -> granted | rejected | withdrawn | expired | superseded, and nothing leaves those.

Besides a number of people it may need somebody of each of several groups. One person stands for one group: with the
roles of two of them it is whichever lets the most groups be filled, so the order in which people press does not matter.

Somebody may also break the glass: grant it alone, whoever is missing. That is marked for good, and another person has
to review it afterwards.

The functions return the next value or raise `Refused`; storing it is a compare-and-set on `pending`, which makes two
presses at once one decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain import reminders
from bot.domain.reasons import Reason, Refused

REMINDERS = 2
"""How often people are reminded of a request."""
UNMAPPED = 10
"""How many logins a request names at most that are in no identity map."""
REVIEW_NAGS = (timedelta(hours=4), timedelta(hours=24))
"""When people are first reminded of broken glass that nobody has reviewed; then it is every day, until somebody has."""


class ApprovalState(StrEnum):
    """Where a consent stands."""

    PENDING = "pending"
    GRANTED = "granted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People of whom one has to consent: those who have any of these roles."""

    name: str
    roles: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's consent, with the roles of that moment."""

    person: int
    name: str
    at: datetime
    roles: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Another person's word that they have looked at what somebody did alone."""

    person: int
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """That one person let it go alone, and why. `nags` counts the reminders until there is a `review`."""

    person: int
    name: str
    at: datetime
    reason: str
    nags: int = 0
    review: Review | None = None

    @property
    def review_due(self) -> datetime:
        """By when another person has to look at it; people are reminded from then on."""
        return self.at + REVIEW_NAGS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request for consent. `digest` is the content's; `authors` are the Discord ids that may not consent.

    `service` is what people call it, `scope` the one service that it moves, None when it moves others as well. `groups`
    are those of which somebody has to consent, beside the number that is `required`. `unmapped` are lower-case GitHub
    logins, sorted, of those behind the content whose Discord id nobody knows, so that `authors` lacks them; `unsure`
    says that there may be others, of whom not even the login is known. Nobody consents to `unmapped` people's work with
    `refuse_unknown`, nor to that of others with `refuse_unsure`. `broken` says that the glass was broken to grant
    it, `held_until` until when nobody could decide it.
    """

    id: str
    operation_id: str
    environment: str
    service: str
    digest: str
    required: int
    authors: frozenset[int]
    requested_at: datetime
    expires_at: datetime
    scope: str | None = None
    groups: tuple[Group, ...] = ()
    unmapped: tuple[str, ...] = ()
    unsure: bool = False
    refuse_unknown: bool = True
    refuse_unsure: bool = False
    state: ApprovalState = ApprovalState.PENDING
    votes: tuple[Vote, ...] = ()
    decided_at: datetime | None = None
    decided_by: str | None = None
    broken: Broken | None = None
    held_until: datetime | None = None

    @property
    def reminders(self) -> tuple[datetime, ...]:
        """When people are reminded of it: when half of its time is over, and when a sixth is left."""
        began = self.held_until or self.requested_at
        lifetime = self.expires_at - began
        return began + lifetime / 2, self.expires_at - lifetime / 6

    @property
    def unknown(self) -> bool:
        """Whether people stand behind it, or may, of whom nobody knows who they are on Discord."""
        return bool(self.unmapped) or self.unsure

    @property
    def refuses(self) -> bool:
        """Whether nobody can consent because of them."""
        return (self.refuse_unknown and bool(self.unmapped)) or (self.refuse_unsure and self.unsure)

    @property
    def missing(self) -> int:
        """How many more people have to consent."""
        return max(self.required - len(self.votes), self.vacant, 0)

    @property
    def vacant(self) -> int:
        """How many groups nobody stands for yet."""
        return len(self.groups) - self._filled()

    @property
    def unfilled(self) -> tuple[Group, ...]:
        """The groups of which somebody's consent would still count; more than are missing where people are in two."""
        filled = self._filled()
        return tuple(group for number, group in enumerate(self.groups) if self._filled({number}) > filled)

    def _filled(self, *more: set[int]) -> int:
        """How many groups the votes fill at most, and `more` people, who are in these groups."""
        people = [
            {number for number, group in enumerate(self.groups) if group.roles & vote.roles} for vote in self.votes
        ]
        return _most_filled([*people, *more])


_CLOSED = {
    ApprovalState.EXPIRED: Reason.EXPIRED,
    ApprovalState.SUPERSEDED: Reason.SUPERSEDED,
    ApprovalState.GRANTED: Reason.ALREADY_DECIDED,
    ApprovalState.REJECTED: Reason.ALREADY_DECIDED,
    ApprovalState.WITHDRAWN: Reason.WITHDRAWN,
}


def grant(
    approval: Approval, *, person: int, name: str, now: datetime, roles: frozenset[int] = frozenset()
) -> Approval:
    """Add one person's consent; the last one needed makes the approval granted. `roles` are those of this moment.

    Refuses a closed or expired approval, one that `refuses`, the requester or commit author, and a second vote of one
    person.
    """
    require_open(approval, now=now)
    if approval.refuses:
        raise Refused(Reason.UNKNOWN_AUTHORS)
    if person in approval.authors:
        raise Refused(Reason.OWN_REQUEST)
    if any(vote.person == person for vote in approval.votes):
        raise Refused(Reason.ALREADY_VOTED)
    voted = replace(approval, votes=(*approval.votes, Vote(person=person, name=name, at=now, roles=roles)))
    if voted.missing:
        return voted
    return replace(voted, state=ApprovalState.GRANTED, decided_at=now, decided_by=name)


def break_glass(
    approval: Approval, *, person: int, name: str, reason: str, now: datetime, roles: frozenset[int] = frozenset()
) -> Approval:
    """Grant it at once by one person, the requester or commit author included. Refuses a closed or expired approval.

    Their consent counts among the votes, so that every record names them.
    """
    require_open(approval, now=now)
    voted = any(vote.person == person for vote in approval.votes)
    own = () if voted else (Vote(person=person, name=name, at=now, roles=roles),)
    return replace(
        approval,
        state=ApprovalState.GRANTED,
        votes=(*approval.votes, *own),
        decided_at=now,
        decided_by=name,
        broken=Broken(person=person, name=name, at=now, reason=reason),
    )


def review(approval: Approval, *, person: int, asked_by: int | None, name: str, now: datetime) -> Approval:
    """Acknowledge that the glass was broken: the look from outside that it went without.

    Refuses whoever broke it, asked for it or wrote it, and when nothing is left to acknowledge.
    """
    broken = approval.broken
    if broken is None or broken.review is not None:
        raise Refused(Reason.NOTHING_TO_REVIEW)
    if person == broken.person:
        raise Refused(Reason.OWN_GLASS)
    if person == asked_by or person in approval.authors:
        raise Refused(Reason.OWN_REQUEST)
    return replace(approval, broken=replace(broken, review=Review(person=person, name=name, at=now)))


def nagged(approval: Approval, *, now: datetime) -> Approval:
    """The approval with every reminder of the review counted that is due; those that were missed are one.

    Unchanged when none is, or nothing has to be reviewed.
    """
    broken = approval.broken
    if broken is None or broken.review is not None:
        return approval
    nags = reminders.counted(broken.at, first=REVIEW_NAGS, told=broken.nags, now=now)
    return replace(approval, broken=replace(broken, nags=nags))


def reject(approval: Approval, *, name: str, now: datetime) -> Approval:
    """Close the approval with a no. Anybody who may approve may reject, the requester included."""
    require_open(approval, now=now)
    return replace(approval, state=ApprovalState.REJECTED, decided_at=now, decided_by=name)


def withdraw(approval: Approval, *, person: int, asked_by: int | None, name: str, now: datetime) -> Approval:
    """Close the approval because who asked for it takes that back. Refuses everybody else, whatever they may do."""
    require_open(approval, now=now)
    if person != asked_by:
        raise Refused(Reason.NOT_YOUR_REQUEST)
    return replace(approval, state=ApprovalState.WITHDRAWN, decided_at=now, decided_by=name)


def expire(approval: Approval, *, now: datetime) -> Approval:
    """Close a pending approval whose time is over; anything else comes back unchanged."""
    if approval.state is not ApprovalState.PENDING or now < approval.expires_at:
        return approval
    return replace(approval, state=ApprovalState.EXPIRED, decided_at=now)


def supersede(approval: Approval, *, now: datetime, by: str | None = None) -> Approval:
    """Close a pending approval because its content is no longer what would be deployed, or `by` a newer request."""
    if approval.state is not ApprovalState.PENDING:
        return approval
    return replace(approval, state=ApprovalState.SUPERSEDED, decided_at=now, decided_by=by)


def require_open(approval: Approval, *, now: datetime) -> None:
    """Raise `Refused` unless the approval is pending and in time; expiry counts at the moment of decision."""
    if approval.state in _CLOSED:
        raise Refused(_CLOSED[approval.state])
    if now >= approval.expires_at:
        raise Refused(Reason.EXPIRED)


def _most_filled(people: Sequence[set[int]]) -> int:
    """The size of a largest assignment of people to groups, one each: Kuhn's augmenting paths."""
    stands_for: dict[int, int] = {}  # group -> person

    def place(person: int, tried: set[int]) -> bool:
        for group in sorted(people[person] - tried):
            tried.add(group)
            if group not in stands_for or place(stands_for[group], tried):
                stands_for[group] = person
                return True
        return False

    return sum(place(person, set()) for person in range(len(people)))
