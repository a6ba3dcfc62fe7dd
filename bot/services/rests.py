"""How long an operation is left alone that cannot go on, because others hold it up.

It is looked at again after as long as it has been held up: after a second, two, four and so on, up to half a minute.
Nothing is counted: when a row was written last says since when. What waits for Argo CD is looked at as soon as Argo CD
was read and shows that the wait is over, and what stops something is never left alone.
"""

from datetime import datetime, timedelta

from bot.domain.events import ApplicationObserved
from bot.domain.operations import NOT_BEGUN, Operation, OperationKind
from bot.domain.reasons import Reason
from bot.services.steps import TRANSIENT
from bot.storage import operations as rows
from bot.storage.engine import Connection

LONGEST = timedelta(seconds=30)
_HELD_UP = TRANSIENT | {Reason.OPERATION_IN_PROGRESS}


def rest(operation: Operation, *, now: datetime) -> timedelta:
    """How long nobody has to look at an operation that a step has left where it was; never beyond its deadline.

    A pull request may wait for a day, and GitHub counts questions. What has begun is followed without a rest.
    """
    if operation.proposed:
        return LONGEST
    stops = operation.kind is OperationKind.TERMINATE
    if stops or operation.state not in NOT_BEGUN or operation.reason not in _HELD_UP or operation.deadline is None:
        return timedelta(0)
    return max(timedelta(0), min(now - operation.updated_at, operation.deadline - now, LONGEST))


async def end(connection: Connection, event: ApplicationObserved) -> None:
    """Let what waits for Argo CD go on, as far as this read shows that it can. Whoever calls wakes `operations`."""
    over = {Reason.ARGOCD_UNREACHABLE} | (set() if event.pending else {Reason.OPERATION_IN_PROGRESS})
    opened = await rows.opened(connection, event.environment)
    ids = [one.id for one in opened if one.state in NOT_BEGUN and one.reason in over]
    await rows.look_again(connection, ids)
