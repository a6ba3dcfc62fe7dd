"""The bot at work in a town: its real client, its commands, its board, and rows for it to show and decide.

No worker runs here; where a command waits for one, `Office.worker` writes the row that a worker would.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import discord
from discord.ext import commands
from pydantic import SecretStr
from simcord.actors import MemberActor
from simcord.results import InteractionResult

import cogs
from bot.adapters.cluster import Clusters
from bot.adapters.github import GitHub
from bot.adapters.registry_oci import OciRegistry
from bot.chat.board import Board
from bot.chat.client import Client, build_client
from bot.chat.deps import Deps
from bot.chat.gate import Gate
from bot.domain import releases
from bot.domain.approvals import Approval, Group
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor, Capability, Policy
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.services.comparisons import Comparer
from bot.services.inspections import Inspector
from bot.services.manifests import Manifests
from bot.services.operations import take_place
from bot.services.releases import card_key
from bot.services.rollbacks import Planner
from bot.services.tags import TagReader
from bot.services.validations import Validator
from bot.services.views import Gallery
from bot.storage import approvals, cards, markers, operations
from bot.storage import releases as release_rows
from tests.cards import places, story
from tests.chat.town import Town, until


@dataclass
class Office:
    """What a test acts on besides the town."""

    town: Town
    catalog: Catalog
    deps: Deps
    audited: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    refused: list[tuple[str, str, str | None, str, str | None, str]] = field(default_factory=list)
    about: list[tuple[str, str, str | None, str | None, str | None, str | None, str | None]] = field(
        default_factory=list
    )
    interactions: list[tuple[str, str]] = field(default_factory=list)

    def client(self, *more: commands.Cog) -> Client:
        """One more client, as after a restart, with more commands than the bot has."""

        async def load() -> str | None:
            return await markers.get(self.town.database, "commands")

        async def store(value: str) -> None:
            await markers.put(self.town.database, "commands", value=value)

        def make(deps: Deps) -> list[commands.Cog]:
            return [*cogs.make(deps), *more]

        return build_client(self.deps, make_cogs=make, load_marker=load, store_marker=store)

    async def release(self, release: Release | None = None) -> int:
        """Store a release that waits for a person, and mark its card. Returns its id."""
        told = release or story.told([*story.pipeline(), story.seen(110)])
        async with self.town.database.transaction("cards") as connection:
            stored = await release_rows.change(
                connection,
                environment=told.environment,
                service=told.service,
                source_revision=told.source_revision,
                now=self.town.clock(),
                step=lambda _empty: told,
            )
            await cards.mark_stale(connection, card_key(stored.id), now=self.town.clock())
        assert releases.state(told) in releases.ReleaseState
        return stored.id

    async def ask(self, *, requested_by: int | None, required: int = 1, groups: tuple[Group, ...] = ()) -> Approval:
        """Store a release with a request that waits for approval, as the worker leaves it."""
        now = self.town.clock()
        release_id = await self.release()
        operation = replace(
            story.operation(OperationState.WAITING, release_id=release_id), requested_by=requested_by, requested_at=now
        )
        approval = replace(
            story.approval(required=required, groups=groups),
            authors=frozenset(filter(None, [requested_by])),
            requested_at=now,
            expires_at=now + timedelta(hours=1),
        )
        async with self.town.database.transaction("cards") as connection:
            await operations.add(connection, operation)
            await approvals.add(connection, approval)
            await cards.mark_stale(connection, card_key(release_id), now=now)
        return approval

    async def message(self, *, titled: str) -> discord.Message:
        """The card's message once its title ends so."""

        def found() -> discord.Message | None:
            shown = [message for message in self.town.releases.history() if message.embeds]
            return next((message for message in shown if (message.embeds[0].title or "").endswith(titled)), None)

        await until(found)
        message = found()
        assert message is not None
        return message

    @asynccontextmanager
    async def worker(self, step: Callable[[Operation], Operation]) -> AsyncIterator[None]:
        """Somebody who takes the next request one step further."""

        async def work() -> None:
            while True:
                async with self.town.database.transaction("cards") as connection:
                    for name in self.catalog.environments:
                        for operation in await operations.opened(connection, name):
                            if operation.state is OperationState.REQUESTED:
                                after = step(operation)
                                if after.state is OperationState.WAITING:
                                    await take_place(connection, operation, now=self.town.clock())
                                await operations.save(connection, after, expected=operation.state)
                await asyncio.sleep(0.005)

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def office(town: Town, *, break_glass: bool = False) -> AsyncIterator[Office]:
    """Move the bot into the town: developers look, refresh and ask; approvers look and approve; guests do nothing.

    With `break_glass` developers may do that as well.
    """
    developers, approvers = town.developers.id, town.approvers.id
    catalog = places.catalog(mention=approvers)
    breakers = frozenset({developers} if break_glass else ())
    prod = replace(catalog.environments["prod"], break_glass=breakers)
    catalog = replace(
        catalog,
        environments={**catalog.environments, "prod": prod},
        logins={town.mina.id: "mina", town.jiwon.id: "jiwon"},
    )
    policy = Policy(
        guild_id=town.guild.id,
        grants={
            "*": {Capability.REFRESH: frozenset({developers})},
            "staging": {Capability.VIEW: frozenset({developers, approvers})},
            "prod": {
                Capability.VIEW: frozenset({developers, approvers}),
                Capability.DEPLOY: frozenset({developers}),
                Capability.APPROVE: frozenset({approvers}),
                Capability.BREAK_GLASS: breakers,
            },
        },
    )

    async def audit(
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
    ) -> None:
        place.about.append((action, outcome, reason, environment, service, operation_id, digest))
        gate, _, capability = action.partition(":")
        if gate == "gate":
            place.audited.append((actor.name, capability, str(environment), reason))
        else:
            place.refused.append((actor.name, action, environment, outcome, reason, detail))

    secret = SecretStr("planted-in-the-office")
    github = GitHub(url="http://127.0.0.1:9", repository=catalog.repository, token=lambda: secret)
    deps = Deps(
        guild_id=town.guild.id,
        database=town.database,
        catalog=catalog,
        gate=Gate(policy, environments=tuple(catalog.environments), services=tuple(catalog.services), audit=audit),
        # Nobody outside is asked here: what is looked at live has journeys of its own.
        inspector=Inspector(
            database=town.database, argocds={}, clusters=Clusters(kubeconfig=None, services=catalog.services)
        ),
        tags=TagReader(
            database=town.database,
            catalog=catalog,
            registry=OciRegistry(url="http://127.0.0.1:9"),
            github=github,
        ),
        comparer=Comparer(database=town.database, catalog=catalog, github=github),
        planner=Planner(
            database=town.database,
            manifests=Manifests(catalog=catalog, github=github, registry=OciRegistry(url="http://127.0.0.1:9")),
            argocds={},
        ),
        validator=Validator(github=GitHub(url="http://127.0.0.1:9", repository="o/r")),
        clock=town.clock,
        observe=lambda name, outcome, _seconds: place.interactions.append((name, outcome)),
    )
    place = Office(town=town, catalog=catalog, deps=deps)
    gallery = Gallery(
        database=town.database,
        catalog=catalog,
        guild_id=town.guild.id,
        releases_channel=town.releases.id,
        alerts_channel=town.alerts.id,
    )
    board = Board(
        town.database,
        render=lambda key: gallery.card(key, now=town.clock()),
        client=lambda: town.env.bot,
        clock=town.clock,
        spacing=timedelta(0),
    )
    await town.env.restart_bot(place.client())
    task = asyncio.create_task(board.run(), name="board")
    try:
        yield place
    finally:
        task.cancel()
        await asyncio.wait([task])


def said(result: InteractionResult) -> tuple[str, str]:
    """Title and text of a private answer; anything that others could see fails."""
    assert result.acknowledged
    assert result.response is not None
    assert result.response.ephemeral
    assert result.followups == []
    [embed] = result.response.embeds
    return embed.title or "", embed.description or ""


async def reject(actor: MemberActor, card: discord.Message) -> InteractionResult:
    """Press Reject, and say why."""
    return await actor.submit_modal(await actor.click(card, label="Reject"), {"reason": "Not today."})


async def state(office: Office) -> OperationState:
    """How far the one operation is."""
    async with office.town.database.reading() as connection:
        operation = await operations.get(connection, "0194350c8a20a1b2c3d4e5f6")
    assert operation is not None
    return operation.state
