"""Kubernetes events as values, wherever they come from: a cluster, or Argo CD about an Application.

There are two generations of them: the old one counts in the event and says when it was seen first and last, the new one
has a series and leaves those empty. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from collections.abc import Iterable
from typing import Any

from bot.adapters.fields import Json, moment, section
from bot.adapters.masking import masked_answer
from bot.domain.inspections import ClusterEvent

MOST = 200
MESSAGE_LENGTH = 500


def values(items: Iterable[Json]) -> tuple[ClusterEvent, ...]:
    """The events, oldest first; of many the newest. One that says no time is left out."""
    found = [event for item in items if (event := _value(item)) is not None]
    return tuple(sorted(found, key=lambda event: event.at)[-MOST:])


def _value(item: Json) -> ClusterEvent | None:
    series, about = section(item, "series"), section(item, "involvedObject")
    times = (
        series.get("lastObservedTime"),
        item.get("lastTimestamp"),
        item.get("eventTime"),
        item.get("firstTimestamp"),
        section(item, "metadata").get("creationTimestamp"),
    )
    at = next((found for value in times if (found := moment(value)) is not None), None)
    if at is None:
        return None
    return ClusterEvent(
        at=at,
        warning=item.get("type") == "Warning",
        reason=str(item.get("reason") or ""),
        message=masked_answer(str(item.get("message") or ""))[:MESSAGE_LENGTH],
        kind=str(about.get("kind") or ""),
        name=str(about.get("name") or ""),
        count=max(_number(series.get("count")), _number(item.get("count")), 1),
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
