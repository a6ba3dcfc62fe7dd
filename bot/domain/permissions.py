"""Who may do what: Discord roles against capabilities per environment.

Roles are compared by id, as read at the moment of the command or click. Whatever is not granted is refused, and a
refusal names the roles that would have sufficed, so that the person knows whom to ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.reasons import Reason, Refused

EVERYWHERE = "*"


class Capability(StrEnum):
    """What may be granted, per environment."""

    VIEW = "view"
    DEPLOY = "deploy"
    APPROVE = "approve"
    ROLLBACK = "rollback"
    REFRESH = "refresh"
    RESTART = "restart"
    RERUN = "rerun"
    TERMINATE = "terminate"
    LOGS = "logs"
    LOCK = "lock"
    AUDIT = "audit"
    FREEZE = "freeze"
    STOP = "stop"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a member of the guild, with the roles of this moment. `origin` names the interaction they acted by."""

    id: int
    name: str
    guild_id: int | None
    role_ids: frozenset[int]
    bot: bool = False
    pending: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The grants of one guild: environment (or `*`) -> capability -> role ids."""

    guild_id: int
    grants: Mapping[str, Mapping[Capability, frozenset[int]]]

    def roles(self, capability: Capability, *, environment: str) -> frozenset[int]:
        """The role ids that have this capability in this environment."""
        return frozenset().union(
            *(self.grants.get(scope, {}).get(capability, frozenset()) for scope in (EVERYWHERE, environment))
        )

    def allows(self, actor: Actor, *, capability: Capability, environment: str) -> bool:
        """Whether `require` would let this actor pass."""
        try:
            self.require(actor, capability=capability, environment=environment)
        except Refused:
            return False
        return True

    def require_member(self, actor: Actor) -> None:
        """Return if the actor is a person in the guild; raise `Refused` for anybody who could have no right at all."""
        if actor.guild_id != self.guild_id:
            raise Refused(Reason.WRONG_PLACE)
        if actor.bot:
            raise Refused(Reason.NOT_A_PERSON)
        if actor.pending:
            raise Refused(Reason.MEMBERSHIP_PENDING)

    def require(self, actor: Actor, *, capability: Capability, environment: str) -> None:
        """Return if the actor may; raise `Refused` with the reason and the roles that could."""
        self.require_member(actor)
        allowed = self.roles(capability, environment=environment)
        if not allowed:
            raise Refused(Reason.NOBODY_CONFIGURED, f"({environment}:{capability})")
        if not allowed & actor.role_ids:
            who = ", ".join(f"<@&{role}>" for role in sorted(allowed))
            raise Refused(Reason.MISSING_ROLE, f"{environment}:{capability} belongs to {who}.")
