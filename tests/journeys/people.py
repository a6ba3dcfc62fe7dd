"""What people do beyond one press: say why they reject, and press what somebody else has decided a moment ago."""

import copy
from dataclasses import dataclass
from typing import Any

import discord
from simcord.actors import MemberActor
from simcord.results import InteractionResult

from sandbox.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class OldCopy:
    """A message as a slow client still shows it: with the buttons it had."""

    scene: Scene
    message: discord.Message
    components: list[dict[str, Any]]

    async def press(self, actor: MemberActor, label: str) -> InteractionResult:
        """Press a button that the message may no longer have."""
        stored = self.scene.env.backend.get_message(self.message.channel.id, self.message.id)
        present, stored.components = stored.components, copy.deepcopy(self.components)
        try:
            return await actor.click(self.message, label=label)
        finally:
            if stored.components == self.components:
                stored.components = present


async def reject(actor: MemberActor, message: discord.Message, *, why: str) -> InteractionResult:
    """Press Reject, and send what the form asks for."""
    return await actor.submit_modal(await actor.click(message, label="Reject"), {"reason": why})


def old_copy(scene: Scene, message: discord.Message) -> OldCopy:
    """The message as it is now, for later."""
    stored = scene.env.backend.get_message(message.channel.id, message.id)
    return OldCopy(scene=scene, message=message, components=copy.deepcopy(stored.components))
