"""The one door for people: who acts is read from the interaction, what they may is decided by the policy.

Every command and every button passes here at the moment it is used, with the roles of that moment. What Discord hides
or shows is a convenience and no permission, and it does not cover buttons at all.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import discord

from bot.domain.approvals import Approval
from bot.domain.operations import ALL
from bot.domain.permissions import Actor, Capability, Policy
from bot.domain.reasons import Reason, Refused

# What the gate leaves on an interaction for whoever audits what came after it.
_ENVIRONMENT, _SERVICE, _AUDITED = "chatops.environment", "chatops.service", "chatops.audited"
_OPERATION, _DIGEST = "chatops.operation", "chatops.digest"


class Audit(Protocol):
    """Told of everything that was decided about a person; `services.gatekeeping.note` says what is what."""

    async def __call__(
        self,
        *,
        actor: Actor,
        action: str,
        environment: str | None,
        service: str | None,
        operation_id: str | None,
        digest: str | None,
        outcome: str,
        reason: Reason | None,
        detail: str,
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why a member may or may not: the roles that have the capability, and all that the member has.

    `place` is what the right is asked for, as the topology names it.
    """

    place: str
    refused: Refused | None
    granted: frozenset[int]
    roles: frozenset[int]


class Gate:
    """The policy of one guild, asked with Discord's interactions."""

    def __init__(
        self, policy: Policy, *, environments: Collection[str], services: Collection[str], audit: Audit
    ) -> None:
        self._policy = policy
        self._environments = environments
        self._services = services
        self._audit = audit

    async def require(
        self,
        interaction: discord.Interaction,
        *,
        capability: Capability,
        environment: str,
        service: str | None = None,
    ) -> Actor:
        """The actor, who may do this with a service here, or without one with the environment as a whole.

        Raises `Refused` with the reason and who could, and for a place that the topology does not name. Both are
        audited.
        """
        actor = await self.expect(interaction, capability=capability, environment=environment, service=service)
        await self._decided(interaction, actor, capability)
        return actor

    async def expect(
        self,
        interaction: discord.Interaction,
        *,
        capability: Capability,
        environment: str,
        service: str | None = None,
    ) -> Actor:
        """The actor whom `require` would let pass at this moment, before there is an order that it could let pass.

        Raises `Refused` like it, and audits that; whoever passes is audited by `require`, when the order comes.
        """
        actor = actor_of(interaction)
        # What is asked of the environment as a whole may be about one request.
        interaction.extras |= {_ENVIRONMENT: environment, _SERVICE: service or interaction.extras.get(_SERVICE)}
        try:
            # Strangers are told nothing of what there is, and no refusal quotes a place that somebody made up.
            self._policy.require_member(actor)
            if environment not in self._environments:
                raise Refused(Reason.UNKNOWN_ENVIRONMENT)
            if service is not None and service not in self._services:
                raise Refused(Reason.UNKNOWN_SERVICE)
            self._policy.require(actor, capability=capability, environment=environment, service=service)
        except Refused as refused:
            await self._decided(interaction, actor, capability, refused=refused)
            interaction.extras[_AUDITED] = refused.reason
            raise
        return actor

    def concerns(self, interaction: discord.Interaction, approval: Approval) -> None:
        """Name the request in every row that this interaction leaves, whatever comes of it."""
        interaction.extras |= {
            _ENVIRONMENT: approval.environment,
            _SERVICE: None if approval.service == ALL else approval.service,
            _OPERATION: approval.operation_id,
            _DIGEST: approval.digest,
        }

    def known(self, service: str | None) -> str | None:
        """The service; None, so that it needs the environment's right, for one that the topology no longer names.

        For what was stored and may be older than the topology: a request, a lock or a freeze has to end somehow.
        """
        return service if service in self._services else None

    def require_member(self, interaction: discord.Interaction) -> None:
        """Raise `Refused` for whoever is no person in the guild: what needs no capability is not for them either."""
        self._policy.require_member(actor_of(interaction))

    async def note(
        self, interaction: discord.Interaction, *, name: str, outcome: str, reason: Reason, detail: str
    ) -> None:
        """Audit that an order which passed, or came to no gate, was refused or failed after all."""
        pressed = str(dict(interaction.data or {}).get("custom_id", ""))
        told = " ".join(filter(None, (pressed, detail)))
        await self._write(interaction, actor_of(interaction), name, outcome=outcome, reason=reason, detail=told)

    def explain(
        self,
        user: discord.User | discord.Member,
        *,
        capability: Capability,
        environment: str,
        service: str | None = None,
    ) -> Explained:
        """What the policy says of somebody in its guild. Nothing is ordered, so nothing is audited."""
        actor, refused = _acting(user, guild_id=self._policy.guild_id), None
        try:
            self._policy.require(actor, capability=capability, environment=environment, service=service)
        except Refused as error:
            refused = error
        granted = self._policy.roles(capability, environment=environment, service=service)
        where = self._policy.named(capability, environment=environment, service=service)
        return Explained(place=where, refused=refused, granted=granted, roles=actor.role_ids)

    def allowed(
        self, interaction: discord.Interaction, *, environment: str, service: str | None = None
    ) -> frozenset[Capability]:
        """What the actor may do there. For showing and completing; orders go through `require`."""
        may = partial(self._policy.allows, actor_of(interaction), environment=environment, service=service)
        return frozenset(capability for capability in Capability if may(capability=capability))

    def visible(self, interaction: discord.Interaction) -> list[str]:
        """The environments that the actor may view, in the topology's order."""
        actor = actor_of(interaction)
        may = partial(self._policy.allows, actor, capability=Capability.VIEW)
        return [name for name in self._environments if may(environment=name)]

    def who(self, *, capability: Capability, environment: str, service: str | None) -> str:
        """The roles that have a capability, as a sentence for a refusal."""
        return self._policy.who(capability, environment=environment, service=service)

    async def _decided(
        self, interaction: discord.Interaction, actor: Actor, capability: Capability, *, refused: Refused | None = None
    ) -> None:
        outcome, reason = ("refused", refused.reason) if refused else ("passed", None)
        await self._write(interaction, actor, f"gate:{capability}", outcome=outcome, reason=reason, detail=actor.name)

    async def _write(
        self,
        interaction: discord.Interaction,
        actor: Actor,
        action: str,
        *,
        outcome: str,
        reason: Reason | None,
        detail: str,
    ) -> None:
        left = interaction.extras
        await self._audit(
            actor=actor,
            action=action,
            environment=left.get(_ENVIRONMENT),
            service=left.get(_SERVICE),
            operation_id=left.get(_OPERATION),
            digest=left.get(_DIGEST),
            outcome=outcome,
            reason=reason,
            detail=detail,
        )


def is_audited(interaction: discord.Interaction, refused: Refused) -> bool:
    """Whether it was the gate that refused this, which has written it down."""
    return interaction.extras.get(_AUDITED) is refused.reason


def actor_of(interaction: discord.Interaction) -> Actor:
    """Who acts, as Discord says at this moment. Outside a guild nobody has roles."""
    actor = _acting(interaction.user, guild_id=interaction.guild_id)
    return replace(actor, outside=_is_outside(interaction), origin=f"interaction:{interaction.id}")


def _is_outside(interaction: discord.Interaction) -> bool:
    """Whether it came by other installations than the guild's: an app that a user installed works in every guild.

    Discord names each installation that authorised an interaction. Where it names none, no user's has.
    """
    # The library only tells of the guild and of who pressed; the installation may be a third person's.
    return bool(interaction._integration_owners) and not interaction.is_guild_integration()


def _acting(user: discord.User | discord.Member, *, guild_id: int | None) -> Actor:
    member = user if isinstance(user, discord.Member) else None
    return Actor(
        id=user.id,
        name=user.display_name,
        guild_id=guild_id,
        role_ids=frozenset(role.id for role in member.roles) if member else frozenset(),
        bot=user.bot,
        pending=member.pending if member else False,
    )
