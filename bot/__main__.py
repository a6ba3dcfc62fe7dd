"""The command line.

python -m bot run        the bot
python -m bot check      is everything set up? reaches every system and says what is wrong with each
python -m bot audit      the audit trail: `audit verify` follows its chain of hashes, `audit export` writes it out
python -m bot migrate    bring the database to the newest schema (run does this too)
python -m bot sandbox    a simulated Discord guild with the bot in it, in the browser

A command imports what it needs once its settings are known to be right: the clients of Discord, Argo CD, GitHub and the
cluster take longer to import than most commands take to answer, and few use all of them.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from bot import loading, options, telemetry
from bot.domain.trail import Head
from bot.options import Format
from bot.settings import Settings, SettingsInvalid, load_database_url
from bot.topology import Topology, TopologyInvalid

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="ChatOps for GitHub Actions, kustomize and Argo CD.")
audit = typer.Typer(no_args_is_help=True, help="Verify the audit trail, or write it out.")
cli.add_typer(audit, name="audit")
out = Console(soft_wrap=True)
problems = Console(stderr=True, soft_wrap=True)


@cli.command()
def run() -> None:
    """Run the bot until SIGTERM."""
    settings, place = _load()
    from bot.app import App
    from bot.chat.connection import DiscordRefused
    from bot.rereading import Rereading

    hide = telemetry.configure_logging(log_format=settings.log_format, secrets=settings.secret_values())
    try:
        asyncio.run(App(settings, place, rereading=Rereading(settings, place, hide=hide)).run())
    except* DiscordRefused as errors:
        for error in _each(errors):
            problems.print(Text(str(error)))
        raise typer.Exit(2) from None


@cli.command()
def check() -> None:
    """Look at the settings, the topology and every system the bot needs. Exits 1 if anything is wrong."""
    settings, place = _load()
    from bot import check as checks

    telemetry.configure_logging(log_format="console", secrets=settings.secret_values())
    logging.getLogger().setLevel(logging.CRITICAL)  # what the clients would log stands in the table, in plain words
    found = asyncio.run(checks.everything(settings, place))
    table = Table("", "what", Column("found", overflow="fold"), box=None, pad_edge=False)
    for finding in found:
        mark = Text("ok", style="green") if finding.good else Text("wrong", style="bold red")
        table.add_row(mark, Text(finding.name), Text(finding.text))
    out.print(table)
    if not all(finding.good for finding in found):
        raise typer.Exit(1)


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    settings, _ = _load()
    from bot.storage import migrations
    from bot.storage.engine import Database

    async def upgrade() -> str:
        database = Database(settings.database_url.get_secret_value())
        try:
            return await migrations.upgrade(database)
        finally:
            await database.close()

    out.print(f"The database is at schema {asyncio.run(upgrade())}.")


@audit.command()
def verify(
    head: Annotated[
        list[Head] | None,
        typer.Option(parser=options.head, metavar="SEQ:HASH", help="A head that was noted elsewhere."),
    ] = None,
) -> None:
    """Follow the chain of hashes from the first row to the last. Exits 1 where it is broken."""
    url = _database_url()
    from bot import audit as trail

    try:
        holds, text = asyncio.run(trail.verify(url, noted=head or []))
    except trail.Unreadable as error:
        problems.print(Text(str(error)))
        raise typer.Exit(2) from None
    out.print(Text(text))
    if not holds:
        raise typer.Exit(1)


Moment = Annotated[datetime | None, typer.Option(parser=options.moment, metavar="TIME")]


@audit.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="JSON Lines, exactly as stored, or CSV.")] = Format.JSONL,
    since: Moment = None,
    until: Moment = None,
    environment: str | None = None,
    actor: Annotated[str | None, typer.Option(help="discord:ID, github:LOGIN or chatops.")] = None,
    action: str | None = None,
) -> None:
    """Write the rows to standard output, the oldest first."""
    url = _database_url()
    from bot import audit as trail
    from bot.storage.audit import Wanted

    places = None if environment is None else (environment,)
    wanted = Wanted(
        environments=places, actors=None if actor is None else (actor,), action=action, since=since, until=until
    )
    try:
        asyncio.run(trail.export(url, form=form, wanted=wanted, out=trail.to_stdout()))
    except trail.Unreadable as error:
        problems.print(Text(str(error)))
        raise typer.Exit(2) from None


@cli.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Where the page is served, on this machine only.")] = 8765,
    pace: Annotated[float, typer.Option(help="Seconds that a step of the scripted world takes.", min=0.01)] = 4.0,
) -> None:
    """Open a simulated Discord guild with the bot in it, and a scripted world behind it."""
    try:
        from sandbox.show import show
    except ModuleNotFoundError as error:
        problems.print(f"The sandbox needs {error.name}: start it with `make sandbox`.")
        raise typer.Exit(2) from None
    telemetry.configure_logging(log_format="console", secrets=())
    try:
        asyncio.run(show(port=port, pace=pace, say=lambda text: out.print(text, highlight=False)))
    except OSError as error:
        problems.print(f"{error} Choose another port: make sandbox ARGS='--port 8766'.")
        raise typer.Exit(2) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(0) from None


def _load() -> tuple[Settings, Topology]:
    """The settings and the topology, or the end with every problem of the first that is wrong."""
    try:
        return loading.load()
    except (SettingsInvalid, TopologyInvalid) as error:
        raise _wrong(error) from None


def _database_url() -> str:
    """Where the trail is, or the end with what is wrong. Who audits the bot has none of its other secrets."""
    try:
        return load_database_url()
    except SettingsInvalid as error:
        raise _wrong(error) from None


def _wrong(error: SettingsInvalid | TopologyInvalid) -> typer.Exit:
    """Tell every problem; how the program ends then."""
    for line in error.problems:
        problems.print(Text(line))
    return typer.Exit(2)


def _each(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The errors in a group of groups."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error


if __name__ == "__main__":
    sys.exit(cli())
