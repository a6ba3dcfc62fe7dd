"""The file beside a private answer that is too long to be read in it."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards.base import Attachment, Card, Colour
from bot.chat import boundary
from bot.chat.deps import Deps
from tests.chat.office import Office, said

SHORT = Card(title="log", colour=Colour.GOOD, description="it fits")
LONG = Card(title="log", colour=Colour.GOOD, attachment=Attachment(name="backend.log", text="first\nlast 예매\n"))


class Reader(commands.Cog):
    """A command whose answer has a file when it is asked for one."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Read")
    async def read(self, interaction: discord.Interaction, long: bool) -> None:
        """Answer."""
        work = partial(self._read, long=long)
        await boundary.answer(interaction, name="read", observe=self._deps.observe, work=work)

    async def _read(self, *, long: bool) -> Card:
        return LONG if long else SHORT


async def test_an_answer_brings_its_file_if_it_has_one(office: Office) -> None:
    await office.town.env.restart_bot(office.client(Reader(office.deps)))

    long = await office.town.mina.slash(office.town.releases, "read", long=True)
    short = await office.town.mina.slash(office.town.releases, "read", long=False)

    assert said(long) == ("log", "")
    assert said(short) == ("log", "it fits")
    assert long.response is not None
    assert short.response is not None
    [file] = long.response.attachments
    assert (file.filename, file.size) == ("backend.log", 18)
    assert office.town.env.backend.cdn.get(file.url) == "first\nlast 예매\n".encode()
    assert short.response.attachments == []
