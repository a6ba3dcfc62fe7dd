"""Argo CD's answers about windows and history, as values: field by field, with Argo CD's defaults."""

from datetime import datetime
from typing import Any

from bot.adapters.argocd_values import source_digest
from bot.adapters.fields import Json, entries, moment, section
from bot.domain.inspections import HistoryEntry, SyncWindow, SyncWindows


def windows(answer: Json) -> SyncWindows:
    """The windows that concern an Application. An answer that does not say that one may sync means no."""
    active = entries(answer, "activeWindows")
    assigned = entries(answer, "assignedWindows")
    return SyncWindows(
        can_sync=answer.get("canSync") is True,
        windows=tuple(_window(window, active=window in active) for window in assigned),
    )


def history(application: Json) -> tuple[HistoryEntry, ...]:
    """The syncs that Argo CD remembers, the newest first."""
    spec = section(application, "spec")
    found = [_entry(entry, spec=spec) for entry in entries(section(application, "status"), "history")]
    return tuple(sorted((entry for entry in found if entry), key=lambda entry: entry.id, reverse=True))


def _entry(entry: Json, *, spec: Json) -> HistoryEntry | None:
    deployed_at: datetime | None = moment(entry.get("deployedAt"))
    if deployed_at is None:
        return None
    by = section(entry, "initiatedBy")
    return HistoryEntry(
        id=_number(entry.get("id")),
        revision=str(entry.get("revision") or ""),
        started_at=moment(entry.get("deployStartedAt")),
        deployed_at=deployed_at,
        initiated_by=str(by.get("username") or ("Argo CD" if by.get("automated") else "")),
        source_digest=source_digest(spec, of=entry),
    )


def _window(window: Json, *, active: bool) -> SyncWindow:
    return SyncWindow(
        kind=str(window.get("kind") or ""),
        schedule=str(window.get("schedule") or ""),
        duration=str(window.get("duration") or ""),
        time_zone=str(window.get("timeZone") or "UTC"),
        manual_sync=window.get("manualSync") is True,
        active=active,
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
