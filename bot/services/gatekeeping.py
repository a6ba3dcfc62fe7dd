"""Writing down what was decided at the gate: every refusal, and every order that passed. Looking is not an order."""

from collections.abc import Callable
from datetime import datetime

from bot.domain.permissions import Actor, Capability
from bot.domain.reasons import Refused
from bot.storage import audit
from bot.storage.engine import Database


async def note(
    database: Database,
    *,
    clock: Callable[[], datetime],
    actor: Actor,
    capability: Capability,
    environment: str,
    refused: Refused | None,
) -> None:
    """Add the row; `refused` is None when the actor passed. The environment may be any text a person typed."""
    if refused is None and capability is Capability.VIEW:
        return
    async with database.transaction() as connection:
        await audit.note(
            connection,
            at=clock(),
            actor=f"discord:{actor.id}",
            action=f"gate:{capability}",
            environment=environment[:64],
            outcome="passed" if refused is None else "refused",
            reason=refused.reason if refused else None,
            detail=actor.name,
        )
