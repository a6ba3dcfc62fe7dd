"""Messages of the commits that the bot makes: what was done, for whom, with whose consent, by which operation.

    chatops: Deploy ticket-service a1b2c3d-20260105-143022 to prod

    Chatops-Operation: 5f0c…
    Requested-by: minji (Discord 81384788765712384)
    Approved-by: jisoo
    Emergency: yes                           (of a rollback that one approver was enough for)
    Reason: payments fail since 02:10        (of a rollback)

`Chatops-Operation` is how a commit is found again when GitHub's answer was lost, so no line of it may come from
anybody's words: of names and reasons only letters, digits and a little punctuation are kept. That leaves no line
breaks, and nothing that GitHub acts on in a message either: no @mention, no `fixes #1`, no `[skip ci]`.
"""

import re
import unicodedata
from dataclasses import dataclass

from bot.domain import images

NAME_LENGTH, REASON_LENGTH = 80, 200
SUBJECT_LENGTH = 200
_OPERATION = "Chatops-Operation"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_KEPT = " ._-'()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who stands behind a commit: the operation's id, who asked (name and Discord id), who approved, and why.

    `reason` is '' where nobody was asked for one. In an `emergency` one approver was enough.
    """

    operation: str
    requested_by: str
    requester_id: int
    approved_by: tuple[str, ...] = ()
    reason: str = ""
    emergency: bool = False

    def __post_init__(self) -> None:
        require_operation(self.operation)

    @property
    def trailers(self) -> str:
        """The last paragraph of a message."""
        return "\n".join(
            [
                f"{_OPERATION}: {self.operation}",
                f"Requested-by: {clean(self.requested_by)} (Discord {self.requester_id})",
                *(f"Approved-by: {clean(name)}" for name in self.approved_by),
                *(["Emergency: yes"] if self.emergency else []),
                *([f"Reason: {reason}"] if (reason := _kept(self.reason, REASON_LENGTH)) else []),
            ]
        )


def require_operation(operation: str) -> str:
    """The id itself. Raises ValueError for one that would not stand in a trailer and in a branch name as it is."""
    if not _ID.fullmatch(operation):
        raise ValueError(f"not an operation id: {operation!r}")
    return operation


def deploying(*, service: str, tag: str, environment: str, signature: Signature) -> str:
    """The message of the commit that writes a tag."""
    return message(f"chatops: Deploy {service} {tag} to {environment}", signature=signature)


def rolling_back(*, service: str, tag: str, environment: str, signature: Signature) -> str:
    """The message of the commit that writes an earlier tag."""
    return message(f"chatops: Roll {service} back to {tag} in {environment}", signature=signature)


def reverting(*, revision: str, subject: str, signature: Signature) -> str:
    """The message of the commit that takes another one back, in Git's own words."""
    if not images.is_revision(revision):
        raise ValueError(f"not a revision: {revision!r}")
    return message(f'Revert "{subject}"', body=f"This reverts commit {revision}.", signature=signature)


def message(subject: str, *, signature: Signature, body: str = "") -> str:
    """A message: the subject in one line, cut; the body, which is the caller's own words; the trailers."""
    first = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in subject)
    return "\n\n".join(part for part in (" ".join(first.split())[:SUBJECT_LENGTH], body, signature.trailers) if part)


def carries(message: str, *, operation: str) -> bool:
    """Whether a line of the message is this operation's trailer.

    Any line, because GitHub moves trailers into the middle when it squashes several commits into one.
    """
    return f"{_OPERATION}: {operation}" in message.replace("\r\n", "\n").split("\n")


def subject_of(message: str) -> str:
    """The first line of a message, cut."""
    return message.strip().partition("\n")[0].strip()[:SUBJECT_LENGTH]


def clean(name: str) -> str:
    """A person's name as it may stand in a message: letters, digits, spaces and `._-'()`, cut; never empty."""
    return _kept(name, NAME_LENGTH) or "somebody"


def _kept(text: str, length: int) -> str:
    kept = "".join(letter if letter in _KEPT or unicodedata.category(letter)[0] in "LMN" else " " for letter in text)
    # GH-1 is another way to write #1.
    return " ".join(re.sub(r"-(?=\d)", " ", kept).split())[:length].strip()
