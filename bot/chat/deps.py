"""What commands and buttons work with: handed to the client when it is built, found nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.chat.gate import Gate
from bot.domain.catalog import Catalog
from bot.services.comparisons import Comparer
from bot.services.inspections import Inspector
from bot.services.rollbacks import Planner
from bot.services.tags import TagReader
from bot.services.validations import Validator
from bot.storage.engine import Database

Observe = Callable[[str, str, float], None]
"""Told of every interaction: its name, how it went, and the seconds until it was acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """One bot's dependencies."""

    guild_id: int
    database: Database
    catalog: Catalog
    gate: Gate
    inspector: Inspector
    tags: TagReader
    comparer: Comparer
    planner: Planner
    validator: Validator
    clock: Callable[[], datetime]
    observe: Observe
