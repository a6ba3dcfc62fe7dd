"""Domain values as JSON text and back, by pydantic: one adapter per kind of document.

Reading ignores keys it does not know and gives missing ones their default, so that a row written by a newer or older
version of the bot can still be read after an upgrade or a step back.
"""

from typing import Generic, TypeVar

from pydantic import TypeAdapter

from bot.domain.approvals import Approval
from bot.domain.events import ApplicationObserved
from bot.domain.freezes import Freeze
from bot.domain.incidents import Incident
from bot.domain.locks import Lock
from bot.domain.operations import Operation
from bot.domain.releases import Release
from bot.domain.stops import Stop

_Value = TypeVar("_Value")


class Document(Generic[_Value]):
    """Writes and reads one kind of value."""

    def __init__(self, kind: type[_Value]) -> None:
        self._adapter: TypeAdapter[_Value] = TypeAdapter(kind)

    def dump(self, value: _Value) -> str:
        """The value as JSON text."""
        return self._adapter.dump_json(value).decode()

    def load(self, text: str | bytes) -> _Value:
        """The value in the text; raises pydantic's `ValidationError` when it is not one."""
        return self._adapter.validate_json(text)


release: Document[Release] = Document(Release)
operation: Document[Operation] = Document(Operation)
approval: Document[Approval] = Document(Approval)
incident: Document[Incident] = Document(Incident)
lock: Document[Lock] = Document(Lock)
freeze: Document[Freeze] = Document(Freeze)
stop: Document[Stop] = Document(Stop)
observation: Document[ApplicationObserved] = Document(ApplicationObserved)
