"""The one door for people: who acts is read from the interaction, what they may is decided by the policy.

Every command and every button passes here at the moment it is used, with the roles of that moment. What Discord hides
or shows is a convenience and no permission, and it does not cover buttons at all.
"""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Protocol

import discord

from bot.domain.permissions import Actor, Capability, Policy
from bot.domain.reasons import Reason, Refused


class Audit(Protocol):
    """Told of everything that was decided at the gate; `refused` is None when the actor passed."""

    async def __call__(
        self, *, actor: Actor, capability: Capability, environment: str, refused: Refused | None
    ) -> None: ...


class Gate:
    """The policy of one guild, asked with Discord's interactions."""

    def __init__(self, policy: Policy, *, environments: Collection[str], audit: Audit) -> None:
        self._policy = policy
        self._environments = environments
        self._audit = audit

    async def require(self, interaction: discord.Interaction, *, capability: Capability, environment: str) -> Actor:
        """The actor, who may do this here; raises `Refused` with the reason and who could. Both are audited."""
        actor = await self.expect(interaction, capability=capability, environment=environment)
        await self._audit(actor=actor, capability=capability, environment=environment, refused=None)
        return actor

    async def expect(self, interaction: discord.Interaction, *, capability: Capability, environment: str) -> Actor:
        """The actor whom `require` would let pass at this moment, before there is an order that it could let pass.

        Raises `Refused` like it, and audits that; whoever passes is audited by `require`, when the order comes.
        """
        actor = actor_of(interaction)
        try:
            if environment not in self._environments:
                raise Refused(Reason.UNKNOWN_ENVIRONMENT)
            self._policy.require(actor, capability=capability, environment=environment)
        except Refused as refused:
            await self._audit(actor=actor, capability=capability, environment=environment, refused=refused)
            raise
        return actor

    def allowed(self, interaction: discord.Interaction, *, environment: str) -> frozenset[Capability]:
        """What the actor may do in an environment. For showing and completing; orders go through `require`."""
        actor = actor_of(interaction)
        return frozenset(
            capability
            for capability in Capability
            if self._policy.allows(actor, capability=capability, environment=environment)
        )

    def visible(self, interaction: discord.Interaction) -> list[str]:
        """The environments that the actor may view, in the topology's order."""
        actor = actor_of(interaction)
        may = partial(self._policy.allows, actor, capability=Capability.VIEW)
        return [name for name in self._environments if may(environment=name)]

    def who(self, *, capability: Capability, environment: str) -> str:
        """The roles that have a capability, as a sentence for a refusal."""
        roles: Iterable[int] = sorted(self._policy.roles(capability, environment=environment))
        return f"{environment}:{capability} belongs to {', '.join(f'<@&{role}>' for role in roles)}."


def actor_of(interaction: discord.Interaction) -> Actor:
    """Who acts, as Discord says at this moment. Outside a guild nobody has roles."""
    user = interaction.user
    member = user if isinstance(user, discord.Member) else None
    return Actor(
        id=user.id,
        name=user.display_name,
        guild_id=interaction.guild_id,
        role_ids=frozenset(role.id for role in member.roles) if member else frozenset(),
        bot=user.bot,
        pending=member.pending if member else False,
    )
