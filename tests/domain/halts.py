"""A freeze and a stop, to be changed by each test."""

from datetime import timedelta
from typing import Any

from bot.domain.freezes import Freeze
from bot.domain.stops import Stop
from tests.domain.examples import BEGIN


def freeze(**changes: Any) -> Freeze:
    """A freeze of the whole of prod, from an hour before the beginning to two days after it."""
    values: dict[str, Any] = {
        "id": "f-1",
        "environment": "prod",
        "service": None,
        "owner_id": 21,
        "owner_name": "hyunwoo",
        "reason": "the big sale",
        "since": BEGIN,
        "zone": "Asia/Seoul",
        "starts": BEGIN - timedelta(hours=1),
        "ends": BEGIN + timedelta(days=2),
    }
    return Freeze(**values | changes)


def stop(**changes: Any) -> Stop:
    """Everything is stopped."""
    values: dict[str, Any] = {
        "id": "s-1",
        "owner_id": 24,
        "owner_name": "jisoo",
        "reason": "nobody knows what happens",
        "since": BEGIN,
    }
    return Stop(**values | changes)
