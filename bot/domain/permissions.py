"""Who may do what: Discord roles against capabilities, per environment and per service.

A right in an environment is one for each of its services. A right for one service is one for nothing else: what is
about all of them, or about the environment itself, needs the environment's.

Roles are compared by id, as read at the moment of the command or click. Whatever is not granted is refused, and a
refusal names the roles that would have sufficed, so that the person knows whom to ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.reasons import Reason, Refused

EVERYWHERE = "*"


class Capability(StrEnum):
    """What may be granted."""

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


OF_SERVICES = frozenset(
    {
        Capability.DEPLOY,
        Capability.APPROVE,
        Capability.ROLLBACK,
        Capability.RESTART,
        Capability.RERUN,
        Capability.LOGS,
        Capability.LOCK,
        Capability.FREEZE,
        Capability.BREAK_GLASS,
    }
)
"""What may be granted for one service: the others are about an environment as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a member of the guild, with the roles of this moment. `origin` names the interaction they acted by.

    `outside` says that they acted by an app that was installed by somebody for themselves, and not by the guild's.
    """

    id: int
    name: str
    guild_id: int | None
    role_ids: frozenset[int]
    bot: bool = False
    pending: bool = False
    outside: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The grants of one guild: place -> capability -> role ids. A place is as `place` writes it."""

    guild_id: int
    grants: Mapping[str, Mapping[Capability, frozenset[int]]]

    def roles(self, capability: Capability, *, environment: str, service: str | None = None) -> frozenset[int]:
        """The role ids that have this capability for a service in an environment, or for the environment as a whole."""
        places = [EVERYWHERE, environment]
        if service is not None and capability in OF_SERVICES:
            places += [place(EVERYWHERE, service), place(environment, service)]
        return frozenset().union(*(self.grants.get(one, {}).get(capability, frozenset()) for one in places))

    def allows(self, actor: Actor, *, capability: Capability, environment: str, service: str | None = None) -> bool:
        """Whether `require` would let this actor pass."""
        try:
            self.require(actor, capability=capability, environment=environment, service=service)
        except Refused:
            return False
        return True

    def require_member(self, actor: Actor) -> None:
        """Return if the actor is a person in the guild; raise `Refused` for anybody who could have no right at all."""
        if actor.guild_id != self.guild_id or actor.outside:
            raise Refused(Reason.WRONG_PLACE)
        if actor.bot:
            raise Refused(Reason.NOT_A_PERSON)
        if actor.pending:
            raise Refused(Reason.MEMBERSHIP_PENDING)

    def require(self, actor: Actor, *, capability: Capability, environment: str, service: str | None = None) -> None:
        """Return if the actor may; raise `Refused` with the reason and the roles that could."""
        self.require_member(actor)
        allowed = self.roles(capability, environment=environment, service=service)
        if not allowed:
            where = self.named(capability, environment=environment, service=service)
            raise Refused(Reason.NOBODY_CONFIGURED, f"({where}:{capability})")
        if not allowed & actor.role_ids:
            raise Refused(Reason.MISSING_ROLE, self.who(capability, environment=environment, service=service))

    def who(self, capability: Capability, *, environment: str, service: str | None = None) -> str:
        """The roles that have a capability, as a sentence for a refusal."""
        roles = self.roles(capability, environment=environment, service=service)
        mentions = ", ".join(f"<@&{role}>" for role in sorted(roles))
        where = self.named(capability, environment=environment, service=service)
        return f"{where}:{capability} belongs to {mentions}."

    def named(self, capability: Capability, *, environment: str, service: str | None = None) -> str:
        """The place that the right is asked for, with its service where rights are granted for services at all."""
        apart = capability in OF_SERVICES and any("/" in one for one in self.grants)
        return place(environment, service if apart else None)


def place(environment: str, service: str | None = None) -> str:
    """How the topology names what a grant is for: `prod`, `prod/ticket-service`, `*` or `*/ticket-service`."""
    return environment if service is None else f"{environment}/{service}"
