"""Whole cards as files, readable in a review: `SNAPSHOTS=write make test` writes what is rendered now."""

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.cards.base import Card

DIRECTORY = Path(__file__).parent / "snapshots"


def as_shown(card: Card) -> dict[str, Any]:
    """The card as plain data, its long texts line by line; most cards have no file, and say nothing about it."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(card), default=datetime.isoformat))
    plain["description"] = card.description.split("\n")
    attached = plain.pop("attachment")
    return plain if attached is None else {**plain, "attachment": {**attached, "text": attached["text"].split("\n")}}


def expected(name: str, card: Card) -> dict[str, Any]:
    """What the file says the card looks like."""
    path = DIRECTORY / f"{name}.json"
    if os.environ.get("SNAPSHOTS") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(as_shown(card), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return known
