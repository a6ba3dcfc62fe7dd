"""Consent to one operation on one exact content.

An approval is bound to the digest of what was shown: revision, images, diff. If the content has moved by the time
the operation starts, the consent means nothing, so the worker lets the approval lapse instead of covering code nobody
reviewed.

    pending -> granted | rejected | withdrawn | expired | superseded, and nothing leaves those.

The functions return the next value or raise `Refused`; storing it is a compare-and-set on `pending`, which makes two
presses at once one decision.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.reasons import Reason, Refused


class ApprovalState(StrEnum):
    """Where a consent stands."""

    PENDING = "pending"
    GRANTED = "granted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's consent."""

    person: int
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request for consent. `digest` is the content's; `authors` are the Discord ids that may not consent."""

    id: str
    operation_id: str
    environment: str
    service: str
    digest: str
    required: int
    authors: frozenset[int]
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.PENDING
    votes: tuple[Vote, ...] = ()
    decided_at: datetime | None = None
    decided_by: str | None = None

    @property
    def missing(self) -> int:
        """How many more people have to consent."""
        return max(self.required - len(self.votes), 0)


_CLOSED = {
    ApprovalState.EXPIRED: Reason.EXPIRED,
    ApprovalState.SUPERSEDED: Reason.SUPERSEDED,
    ApprovalState.GRANTED: Reason.ALREADY_DECIDED,
    ApprovalState.REJECTED: Reason.ALREADY_DECIDED,
    ApprovalState.WITHDRAWN: Reason.WITHDRAWN,
}


def grant(approval: Approval, *, person: int, name: str, now: datetime) -> Approval:
    """Add one person's consent; the last one needed makes the approval granted.

    Refuses a closed or expired approval, the requester or commit author, and a second vote of one person.
    """
    require_open(approval, now=now)
    if person in approval.authors:
        raise Refused(Reason.OWN_REQUEST)
    if any(vote.person == person for vote in approval.votes):
        raise Refused(Reason.ALREADY_VOTED)
    voted = replace(approval, votes=(*approval.votes, Vote(person=person, name=name, at=now)))
    if voted.missing:
        return voted
    return replace(voted, state=ApprovalState.GRANTED, decided_at=now, decided_by=name)


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


def supersede(approval: Approval, *, now: datetime) -> Approval:
    """Close a pending approval because its content is no longer what would be deployed."""
    if approval.state is not ApprovalState.PENDING:
        return approval
    return replace(approval, state=ApprovalState.SUPERSEDED, decided_at=now)


def require_open(approval: Approval, *, now: datetime) -> None:
    """Raise `Refused` unless the approval is pending and in time; expiry counts at the moment of decision."""
    if approval.state in _CLOSED:
        raise Refused(_CLOSED[approval.state])
    if now >= approval.expires_at:
        raise Refused(Reason.EXPIRED)
