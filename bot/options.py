"""What an option of the command line may say; typer tells whoever typed something else what is wrong with it."""

from datetime import UTC, datetime
from enum import StrEnum

import typer

from bot.domain import trail
from bot.domain.trail import Head


class Format(StrEnum):
    """How an export is written: exactly, a JSON object a line, or for a spreadsheet."""

    JSONL = "jsonl"
    CSV = "csv"


def head(text: str) -> Head:
    """A head of the audit trail, as `audit verify` prints it."""
    try:
        return trail.parse_head(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def moment(text: str) -> datetime:
    """A moment in ISO 8601, in UTC unless it says otherwise."""
    try:
        written = datetime.fromisoformat(text)
        return written.astimezone(UTC) if written.tzinfo else written.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter("a moment is written like 2026-01-31 or 2026-01-31T14:30") from error
