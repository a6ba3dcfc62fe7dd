"""The tables of the reference are complete, and nothing in them is made up."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer.main
from discord import app_commands
from prometheus_client import Counter, Gauge, Histogram
from pydantic import SecretStr

import cogs
from bot import telemetry
from bot.__main__ import cli
from bot.app import App, Settings, now
from bot.cards import refusal
from bot.domain.permissions import Capability
from bot.domain.reasons import SENTENCES
from bot.settings import PACKAGED_TOPOLOGY, PREFIX, async_database_url
from bot.storage.engine import Database
from bot.storage.recorder import Recorder
from bot.topology import Topology, load
from bot.webhooks import server
from bot.webhooks.receipt import Proofs
from tests.chat import policy
from tests.docs.pages import PAGES, README, ROOT, codes, every_row, rows, section

UNOPENED = "sqlite+aiosqlite:///never-opened.db"
TOPOLOGY_PAGE = ROOT / "docs" / "topology.md"
# Where the other settings come from; the settings themselves cannot say it.
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
SETTINGS = {f"{PREFIX}{name.upper()}": field for name, field in Settings.model_fields.items()}


def app() -> App:
    """The bot, built and never started."""
    settings = Settings(
        discord_token=SecretStr("-"),
        discord_guild_id=1,
        argocd_url="http://127.0.0.1:9",
        argocd_token=SecretStr("-"),
        github_token=SecretStr("-"),
        github_webhook_secret=(SecretStr("-"),),
        database_url=SecretStr(UNOPENED),
    )
    return App(settings, load(PACKAGED_TOPOLOGY))


def shown(default: object) -> str:
    """A default as a table shows it."""
    text = default.get_secret_value() if isinstance(default, SecretStr) else default
    if isinstance(text, Path):
        text = text.relative_to(ROOT)
    return "" if text in (None, {}, ()) else f"`{text}`"


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    table = {cells[0].strip("`"): cells[1:3] for cells in rows(section(README, "Settings"))}
    ways = {"CHATOPS_GITHUB_TOKEN": "this or an App"} | {
        f"CHATOPS_GITHUB_{name}": "with an App" for name in ("APP_ID", "APP_PRIVATE_KEY", "INSTALLATION_ID")
    }
    expected = {
        name: [
            "yes" if field.is_required() else ways.get(name, "no"),
            "" if field.is_required() else shown(field.default),
        ]
        for name, field in SETTINGS.items()
    }
    assert table == expected | {SECRETS_DIR: ["no", "`/run/secrets`"]}


def test_every_setting_is_in_the_example_with_its_default() -> None:
    lines = re.findall(r"^(?:# )?(CHATOPS_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(name for name, _ in lines) == sorted([*SETTINGS, SECRETS_DIR])
    commented = dict(re.findall(r"^# (CHATOPS_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for name, field in SETTINGS.items():
        default = shown(field.default).strip("`")
        if name in commented and default:
            given = commented[name]
            assert (async_database_url(given) if name.endswith("DATABASE_URL") else given) == default, name


def test_pages_name_no_setting_that_does_not_exist() -> None:
    for page in (*PAGES, *(ROOT / "deploy").rglob("*.yaml")):
        named = set(re.findall(r"\bCHATOPS_[A-Z_]*[A-Z]", page.read_text()))
        # The variable of the repository in which the pipeline runs, not one of the bot.
        assert named <= {*SETTINGS, SECRETS_DIR, "CHATOPS_URL"}, page.name


async def test_every_command_is_in_the_readme_with_its_options() -> None:
    client = app().make_client()
    commands = [command for cog in cogs.make(client.deps) for command in cog.walk_app_commands()]
    expected = set()
    for command in commands:
        if isinstance(command, app_commands.Group):
            continue  # nobody can use a group itself
        options = [
            f"<{option.display_name}>" if option.required else f"[{option.display_name}]"
            for option in command.parameters
        ]
        expected.add(" ".join([f"/{command.qualified_name}", *options]))
    assert sorted(cells[0].strip("`") for cells in commands_and_buttons() if "`" in cells[0]) == sorted(expected)
    names = {usage.split()[0] for usage in expected}
    for page in PAGES:
        orders = {code.split()[0] for code in codes(page.read_text()) if re.match(r"/[a-z]+( |$)", code)}
        assert orders - {"/metrics", "/healthz", "/readyz", "/api", "/data"} <= names, page.name


async def test_commands_on_the_pages_can_be_pasted() -> None:
    """Outside the tables of usage every option has its name, as Discord wants it: `/pods environment:prod`."""
    client = app().make_client()
    known = [command for cog in cogs.make(client.deps) for command in cog.walk_app_commands()]
    names = "|".join(one.qualified_name for one in known if not isinstance(one, app_commands.Group))
    called = re.compile(rf"^/(?:{names}) (.*)$")
    given = []
    for page in PAGES:
        text = page.read_text()
        lines = [line.strip() for line in text.splitlines() if line.strip().startswith("/")]
        found = [match[1] for code in [*codes(text), *lines] if (match := called.match(code))]
        given += found
        assert [rest for rest in found if not re.match(r"[a-z_]+:|[<\[…]", rest)] == [], page.name
    assert len(given) > 50


def test_commands_and_buttons_need_capabilities_that_exist() -> None:
    needed = {cells[1].strip("`") for cells in commands_and_buttons() if cells[1]}
    assert needed == set(Capability)
    assert {cells[0].strip("`") for cells in rows(section(TOPOLOGY_PAGE, "`roles`"))} == set(Capability)


def commands_and_buttons() -> list[list[str]]:
    """The rows of the tables below Commands: commands are code, buttons are bold."""
    return every_row(section(README, "Commands"))


async def test_every_route_is_in_the_readme() -> None:
    assert {cells[0].strip("`") for cells in rows(section(README, "HTTP"))} == routes()


def routes() -> set[str]:
    """What the server has, without the HEAD that comes with every GET."""
    database = Database(UNOPENED)

    async def nothing() -> dict[str, str]:
        return {}

    served = server.build(
        recorder=Recorder(database),
        proofs=Proofs,
        verify_oidc=None,
        health=nothing,
        ready=nothing,
        metrics=lambda: b"",
        clock=now,
        on_delivery=lambda _source, _outcome: None,
    )
    return {
        f"{route.method} {route.resource.canonical}"
        for route in served.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def test_every_metric_is_in_the_readme_with_its_labels() -> None:
    metrics = telemetry.build()
    made = [getattr(metrics, field.name) for field in fields(metrics)]
    expected = {}
    for metric in made:
        if isinstance(metric, Counter | Gauge | Histogram):
            [family] = metric.describe()
            name = f"{family.name}_total" if isinstance(metric, Counter) else family.name
            expected[name] = [*metric._labelnames]  # nothing public tells the labels of a metric without samples
    table = {cells[0].strip("`"): codes(cells[1]) for cells in rows(section(README, "Metrics"))}
    assert table == expected


def test_pages_name_no_metric_that_does_not_exist() -> None:
    known = {sample.name for family in telemetry.build().registry.collect() for sample in family.samples}
    known |= {cells[0].strip("`") for cells in rows(section(README, "Metrics"))}
    known |= {
        f"{name}{suffix}" for name in known if name.endswith("_seconds") for suffix in ("_count", "_sum", "_bucket")
    }
    for page in PAGES:
        named = set(re.findall(r"\b(?:chatops|process)_[a-z_]+[a-z]", page.read_text()))
        assert named <= known, page.name


def test_every_make_target_is_in_the_readme() -> None:
    targets = re.findall(r"^([a-z.]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [cells[0].strip("`") for cells in rows(section(README, "Development"))] == [
        f"make {target}" for target in targets
    ]
    for page in PAGES:
        assert set(re.findall(r"(?:^ *|`)make ([a-z.]+)", page.read_text(), re.MULTILINE)) <= {*targets}, page.name


def test_every_command_of_the_command_line_is_in_the_readme() -> None:
    known = typer.main.get_group(cli).commands
    assert [cells[0].strip("`") for cells in rows(section(README, "Set it up"))] == list(known)
    options = {option for parameter in known["sandbox"].params for option in parameter.opts} - {"--help"}
    assert options == {"--port", "--pace"}


def test_every_field_of_the_topology_is_on_its_page() -> None:
    table = {}
    for heading in ("Top level", "`channels`", "`services`", "`environments`", "`argocd`", "`identities`"):
        for name, needed, _meaning in rows(section(TOPOLOGY_PAGE, heading)):
            table[name.strip("`")] = needed
    assert table == dict(topology_fields(Topology.model_json_schema()))


def topology_fields(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every field with whether it is needed, or what it is without being written."""

    def walk(part: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
        for name, value in part["properties"].items():
            default = json.dumps(value.get("default"))
            optional = "no" if default in ("null", "[]", "{}") else f"no, `{default}`"
            yield f"{prefix}{name}", "yes" if name in part.get("required", ()) else optional
            for choice in (value, *value.get("anyOf", ())):
                by_name: dict[str, Any] = next(iter(choice.get("patternProperties", {}).values()), {})
                for step, inner in ((".", choice), (".NAME.", by_name), ("[].", choice.get("items") or {})):
                    if "$ref" in inner:
                        yield from walk(schema["$defs"][inner["$ref"].rpartition("/")[2]], f"{prefix}{name}{step}")

    yield from walk(schema, "")


def test_the_roles_that_the_policy_is_tested_with_are_on_its_page() -> None:
    def granted(cell: str) -> set[Capability]:
        named = {Capability(code) for code in codes(cell)}
        return {*Capability} - named if cell.startswith("all") else named

    table = {
        place: dict(zip(policy.ROLES, map(granted, cells), strict=True))
        for place, *cells in rows(section(policy.PAGE, "How this page is tested"))
    }
    assert table == {
        place: {role: {one for one, holders in grants.items() if role in holders} for role in policy.ROLES}
        for place, grants in policy.GRANTS.items()
    }


def test_quoted_sentences_are_said() -> None:
    """In the table of symptoms, what ends with a full stop is a sentence of the bot, or its beginning."""
    symptoms = " ".join(cells[0] for cells in rows(section(README, "When something is wrong")))
    quoted = re.findall(r"\*([^*]+\.)\*", symptoms)
    assert len(quoted) > 5
    for sentence in quoted:
        assert any(said.startswith(sentence) for said in SENTENCES.values()), sentence
    assert f"*{refusal.broken('-').title}*" in symptoms
    for reason in re.findall(r"4\d\d, `([^`]+)`", "".join(page.read_text() for page in PAGES)):
        said = "".join(path.read_text() for path in (ROOT / "bot" / "webhooks").glob("*.py"))
        assert all(part in said for part in reason.split("X-GitHub-Event") if part), reason


def test_log_events_exist() -> None:
    code = "".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    events = [event for cells in rows(section(ROOT / "docs" / "operations.md", "Logs")) for event in codes(cells[0])]
    assert events
    assert [event for event in events if f'"{event}"' not in code] == []
