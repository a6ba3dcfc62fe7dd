"""Every order that there is, given by anybody, from anywhere: what Discord would send, to the bot's real client.

Nobody outside is asked: whatever looks there is refused with `OUTSIDE`, which says that the order got that far. Nobody
works orders off either, so none is waited for.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from discord import app_commands
from simcord import interactions
from simcord.actors import MemberActor
from simcord.backend import serializers
from simcord.enums import InteractionType
from simcord.results import InteractionResult
from sqlalchemy import exists, func, literal, select, union_all

import cogs
import cogs.deploy
import cogs.interventions
import cogs.places
import cogs.status
from bot.chat import rolling_back, run_again, terminating
from bot.chat.client import Client, build_client
from bot.chat.deps import Deps
from bot.chat.gate import Gate
from bot.domain.permissions import Actor, Capability, Policy
from bot.domain.reasons import Reason
from bot.storage import schema
from tests.cards import places
from tests.chat import policy
from tests.chat.absent import OUTSIDE, Comparing, KnownPlan, NoManifests, Outside, Tags
from tests.chat.hurrying import hurry
from tests.chat.town import Town

_TABLES = [table for table in reversed(schema.metadata.sorted_tables) if table.name not in ("audit", "markers")]
_FULL = union_all(
    *(select(literal(table.name).label("name")).where(exists(select(1).select_from(table))) for table in _TABLES)
)
Change = Callable[[dict[str, Any]], None]
_PATIENCE = (
    (cogs.deploy, "PREPARE_SECONDS"),
    (cogs.interventions, "ORDER_SECONDS"),
    (cogs.status, "REFRESH_SECONDS"),
    (cogs.places, "LOOKS"),
    (terminating, "STOP_SECONDS"),
    (run_again, "RERUN_SECONDS"),
    (rolling_back, "PREPARE_SECONDS"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What somebody sends: a command with options, the id of a button, or the id of a form with what was typed."""

    command: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    button: str = ""
    form: str = ""
    typed: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Desk:
    """The town with the bot in it. `people` are known by their role."""

    town: Town
    deps: Deps
    people: dict[str, MemberActor]
    audited: list[Reason | None]
    seen: list[str]
    newest: int | None = None

    @property
    def client(self) -> Client:
        """The bot."""
        assert isinstance(self.town.env.bot, Client)
        return self.town.env.bot

    @property
    def said(self) -> str:
        """What the bot told Discord last."""
        return repr(self.town.env.http_requests[-1].json)

    def commands(self) -> dict[str, app_commands.Command[Any, ..., Any]]:
        """Every command that can be used, by its name."""
        found = (command for cog in cogs.make(self.deps) for command in cog.walk_app_commands())
        return {f"/{one.qualified_name}": one for one in found if isinstance(one, app_commands.Command)}

    def actor(self, role: str) -> Actor:
        """A member as services know them."""
        person = self.people[role]
        return Actor(id=person.id, name=person.name, guild_id=self.town.guild.id, role_ids=frozenset())

    async def press(self, role: str, press: Press, *, change: Change = lambda _payload: None) -> Reason | None:
        """Why it was refused; None when it was carried out, a form was opened, or the world outside was asked.

        Fails when nothing was answered, or when the bot says that it is broken.
        """
        self.audited.clear()
        self.seen.clear()
        kind, data = self._data(press)
        await self.send(role, kind, data, change=change)
        assert len(self.seen) == 1, (press, self.seen)
        outcome = self.seen[0]
        if outcome in ("done", "asked"):
            return None
        assert outcome == "refused", (press, outcome)
        reason = next(one for one in reversed(self.audited) if one is not None)
        return None if reason is OUTSIDE else reason

    async def send(
        self, role: str, kind: InteractionType, data: dict[str, Any], *, change: Change = lambda _payload: None
    ) -> InteractionResult:
        """Let Discord send an interaction, `change`d before it goes out."""
        env, person = self.town.env, self.people[role]
        record, payload = interactions.base_payload(
            env.backend,
            type=kind,
            channel_id=self.town.releases.id,
            guild_id=self.town.guild.id,
            user_id=person.id,
            data=data,
        )
        if kind is InteractionType.MESSAGE_COMPONENT:
            message = env.backend.create_message(self.town.releases.id, env.backend.bot_user.id, "a card")
            button = {"type": 2, "style": 1, "label": "Press", "custom_id": data["custom_id"]}
            shown = [{"type": 1, "components": [button]}]
            payload["message"] = serializers.message_payload(env.backend, message) | {"components": shown}
        change(payload)
        env.backend.emit("INTERACTION_CREATE", payload)
        await env._settle_internal(idle=0.001, dispatch="INTERACTION_CREATE")
        return InteractionResult(env, record)

    def _data(self, press: Press) -> tuple[InteractionType, dict[str, Any]]:
        if press.button:
            return InteractionType.MESSAGE_COMPONENT, {"custom_id": press.button, "component_type": 2}
        if press.form:
            fields = [
                {"type": 18, "id": number, "component": {"type": 4, "id": 9 + number, "custom_id": name, "value": text}}
                for number, (name, text) in enumerate(press.typed.items(), start=1)
            ]
            return InteractionType.MODAL_SUBMIT, {"custom_id": press.form, "components": fields}
        return InteractionType.APPLICATION_COMMAND, self.order(press.command, press.options)

    def order(self, name: str, options: dict[str, Any], *, focused: str = "") -> dict[str, Any]:
        """A command as Discord sends it, or with a `focused` option what somebody has typed so far."""
        root, *below = name.removeprefix("/").split()
        known = self.town.env.backend.find_command(root, self.town.guild.id)
        assert known is not None, name
        leaf, nesting = interactions.walk_to_subcommand(known, below)
        given = [
            {"name": one["name"], "type": one["type"], "value": options.get(one["name"], "")}
            | ({"focused": True} if one["name"] == focused else {})
            for one in leaf.get("options") or ()
            if one["name"] in options or one["name"] == focused
        ]
        users = {str(value): self._user(int(value)) for name, value in options.items() if name == "member"}
        return {
            "id": known["id"],
            "name": root,
            "type": 1,
            "guild_id": known["guild_id"],
            "options": interactions.nest_options(known, nesting, given),
            "resolved": {"users": users},
        }

    def _user(self, user_id: int) -> dict[str, Any]:
        backend = self.town.env.backend
        return dict(serializers.user_payload(backend.get_user(user_id)))

    async def changed(self) -> bool:
        """Whether anything was ordered since it was last asked: every order leaves a row in the trail, looking none."""
        async with self.town.database.reading() as connection:
            newest = await connection.scalar(select(func.max(schema.audit.c.id)))
        before, self.newest = self.newest, newest
        return bool(newest != before)

    async def forget(self) -> None:
        """Empty every table but the audit trail, whose rows stay for ever."""
        KnownPlan.rolled_back, KnownPlan.known = False, True
        async with self.town.database.transaction() as connection:
            # Most are empty, and asking once is much faster than deleting from each.
            full = {row.name for row in await connection.execute(_FULL)}
            for table in _TABLES:
                if table.name in full:
                    await connection.execute(table.delete())


@asynccontextmanager
async def desk(
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
    *,
    more: Mapping[str, Mapping[Capability, frozenset[str]]] | None = None,
) -> AsyncIterator[Desk]:
    """Move the bot into the town, with the grants of `policy.GRANTS`, and `more` of other roles in other places."""
    given = {**policy.GRANTS, **(more or {})}
    named = {role for granted in given.values() for held in granted.values() for role in held}
    for module, name in _PATIENCE:
        monkeypatch.setattr(module, name, 0)
    roles = {role: town.guild.create_role(role.title()) for role in dict.fromkeys((*policy.ROLES[1:], *sorted(named)))}
    people = {"nobody": town.guest}
    for role, held in roles.items():
        people[role] = town.guild.add_member(town.env.create_user(role), roles=[held])
    grants = {
        place: {capability: frozenset(roles[role].id for role in held) for capability, held in granted.items()}
        for place, granted in given.items()
    }
    audited: list[Reason | None] = []
    seen: list[str] = []

    async def audit(*, reason: Reason | None, **_facts: object) -> None:
        audited.append(reason)

    catalog = places.catalog()
    outside: Any = Outside()
    comparing: Any = Comparing()
    deps = Deps(
        guild_id=town.guild.id,
        database=town.database,
        catalog=catalog,
        gate=Gate(
            Policy(guild_id=town.guild.id, grants=grants),
            environments=tuple(catalog.environments),
            services=tuple(catalog.services),
            audit=audit,
        ),
        inspector=outside,
        tags=Tags(database=town.database, catalog=catalog, registry=outside, github=outside),
        comparer=comparing,
        planner=KnownPlan(database=town.database, manifests=NoManifests(catalog), argocds={}),  # type: ignore[arg-type]
        validator=outside,
        clock=town.clock,
        observe=lambda _name, outcome, _seconds: seen.append(outcome),
    )

    await hurry(town.database, monkeypatch)

    async def load() -> str | None:
        return None

    async def store(_value: str) -> None: ...

    await town.env.restart_bot(build_client(deps, make_cogs=cogs.make, load_marker=load, store_marker=store))
    yield Desk(town=town, deps=deps, people=people, audited=audited, seen=seen)
