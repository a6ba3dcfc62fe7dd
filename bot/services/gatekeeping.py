"""Writing down what was decided about people: at the gate every refusal and every order that passed, and after it what
was refused or failed. Looking is not an order; looking at logs and at the audit trail is written down like one.
"""

from collections.abc import Callable
from datetime import datetime

from bot.adapters.masking import masked
from bot.domain.permissions import Actor, Capability
from bot.domain.reasons import Reason
from bot.storage import audit
from bot.storage.engine import Database


async def note(
    database: Database,
    *,
    clock: Callable[[], datetime],
    actor: Actor,
    action: str,
    environment: str | None,
    service: str | None,
    operation_id: str | None,
    digest: str | None,
    outcome: str,
    reason: Reason | None,
    detail: str,
) -> None:
    """Add the row. `action` is `gate:<capability>`, or the name of the command, button or form.

    The environment and the service may be any text a person typed. `operation_id` and `digest` are those of the request
    that it was about.
    """
    if action == f"gate:{Capability.VIEW}" and outcome == audit.PASSED:
        return
    async with database.transaction() as connection:
        await audit.note(
            connection,
            at=clock(),
            actor=actor,
            action=action,
            environment=None if environment is None else masked(environment),
            service=None if service is None else masked(service),
            operation_id=operation_id,
            digest=digest,
            outcome=outcome,
            reason=reason,
            detail=detail,
        )
