"""How a cluster says no, in the bot's words.

An error answer is a `Status` with a message. Most mean what their HTTP status says; those about logs all come as 400,
and only the message tells them apart.
"""

from bot.adapters.calls import CallFailed
from bot.domain.reasons import Reason


class ClusterError(CallFailed):
    """The cluster did not do what it was asked."""

    default = Reason.CLUSTER_UNREACHABLE


class ClusterUnreachable(ClusterError):
    """Nobody can say what the pods run: no connection, no time, or no answer that can be read."""


class CredentialsRefused(ClusterUnreachable):
    """The cluster answers, but does not know these credentials (any more)."""


class ClusterForbidden(ClusterError):
    """The credentials are good, but may not do this."""

    default = Reason.CLUSTER_FORBIDDEN


class NoPods(ClusterError):
    """The service has no pods, or no Deployment."""

    default = Reason.NO_PODS


class PodMissing(ClusterError):
    """There is no such pod (any more)."""

    default = Reason.NO_SUCH_POD


class NoPreviousLog(ClusterError):
    """The container was never restarted, or its earlier log is gone."""

    default = Reason.NO_PREVIOUS_LOG


class ContainerUnknown(ClusterError):
    """The pod has no container of this name."""

    default = Reason.CONTAINER_UNKNOWN


class ContainerWaiting(ClusterError):
    """The container has not started, so it has no log."""

    default = Reason.CONTAINER_WAITING


_BY_TEXT: tuple[tuple[str, type[ClusterError]], ...] = (
    ("previous terminated container", NoPreviousLog),
    ("is not valid for pod", ContainerUnknown),
    ("a container name must be specified", ContainerUnknown),
    ("is waiting to start", ContainerWaiting),
)
_BY_STATUS: dict[int, type[ClusterError]] = {401: CredentialsRefused, 403: ClusterForbidden}


def error_of(status: int, text: str) -> ClusterError:
    """The error that an answer with this status and body means; for any status but 2xx."""
    kind = next((kind for known, kind in _BY_TEXT if status == 400 and known in text), None)
    if kind is None and status == 404 and 'pods \\"' in text:
        kind = PodMissing
    return (kind or _BY_STATUS.get(status, ClusterUnreachable))(f"{status}: {text}")
