"""`audit verify` and `audit export`, on the rows of a bot that runs."""

import asyncio
import csv
import io
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.app import now
from bot.audit import export
from bot.options import Format
from bot.settings import PREFIX
from bot.storage import audit as notes
from bot.storage import migrations
from bot.storage.audit import Wanted
from bot.storage.engine import Database
from sandbox.scene import Scene
from tests.docs.pages import block
from tests.journeys import program
from tests.journeys.looks import ask
from tests.journeys.rows import Rows

pytestmark = [pytest.mark.journey, pytest.mark.long]

FORMULA = "=HYPERLINK(1)"


async def test_the_trail_is_verified_and_exported_while_the_bot_runs(scene: Scene, rows: Rows, tmp_path: Path) -> None:
    for environment in ("staging", FORMULA, "staging"):
        await ask(scene, "guest", "refresh", environment=environment)
    await ask(scene, "jisoo", "refresh", environment="staging")
    await rows.ended()
    # Of everything that the bot is told, the address of its database is enough.
    name = f"{PREFIX}DATABASE_URL"
    variables = {name: program.everything(scene, tmp_path)[name]}
    stored = await rows.trail()
    first, last = stored[0], stored[-1]

    said = await program.run("audit verify", variables, directory=tmp_path)
    head = f"6:{last.hash}"
    whole = f"6 rows, #1 of {first.at} to #6 of {last.at}"
    assert (said.code, said.out, said.problems) == (0, f"The chain holds: {whole}.\nhead {head}\n", "")
    noted = f"audit verify --head {head} --head 2:{stored[1].hash[:16]}"
    assert (await program.run(noted, variables, directory=tmp_path)).code == 0
    early = await program.run("audit verify --head 9:0123456789abcdef", variables, directory=tmp_path)
    why = "#9: missing: it was noted, and the trail ends at #6"
    assert (early.code, early.out) == (1, f"The chain is broken at {why}.\nWhole until there: {whole}.\nhead {head}\n")

    said = await program.run("audit export", variables, directory=tmp_path)
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert (said.code, said.problems, [line["id"] for line in lines]) == (0, "", [*range(1, 7)])
    assert (lines[0]["roles"], lines[1]["environment"]) == ([], FORMULA)
    assert lines[3]["roles"] == [str(scene.town.roles["Release manager"].id)]
    recipe = block((program.ROOT / "docs" / "audit.md").read_text(), "python")
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", recipe, stdin=PIPE, stdout=PIPE)
    found, _ = await child.communicate(said.out.encode())
    assert found.decode() == f"{head}\n"

    guest = f"discord:{scene.town.people['guest'].id}"
    filtered = f"audit export --format csv --actor {guest} --action gate:refresh --since 2020-01-01 --until 2999-01-01"
    table = [*csv.DictReader(io.StringIO((await program.run(filtered, variables, directory=tmp_path)).out))]
    assert [(row["id"], row["environment"]) for row in table] == [
        ("1", "staging"),
        ("2", f"'{FORMULA}"),
        ("3", "staging"),
    ]
    one = await program.run("audit export --format csv --environment dev", variables, directory=tmp_path)
    assert one.out == ",".join(f'"{name}"' for name in lines[0]) + "\r\n"


async def test_no_cell_is_a_formula_and_none_becomes_two(database_url: str) -> None:
    unseen = ("", " ", "\t", "\n", "\u00a0", "\u200b", "\ufeff", "\u202e", "\u2028 \x01")
    signs = "=+-@\uff1d\uff0b\uff0d\uff20\ufe62"  # the last ones are wide, and one is small
    formulas = [f"{before}{sign}1" for before in unseen for sign in signs] + ["\tx", "\nx"]
    plain = ["hi;=1+1", 'a "b"', "1=1", "#=1", " x", "\u200bx", ""]
    database = Database(database_url)
    await migrations.upgrade(database)
    for detail in (*formulas, *plain):
        async with database.transaction() as connection:
            await notes.note(connection, at=now(), actor="chatops", action="deploy", outcome="requested", detail=detail)
    await database.close()
    out = io.StringIO(newline="")
    await export(database_url, form=Format.CSV, wanted=Wanted(), out=out)
    cells = [row["detail"] for row in csv.DictReader(io.StringIO(out.getvalue(), newline=""))]
    assert cells[: len(formulas)] == [f"'{formula}" for formula in formulas]
    assert cells[len(formulas) :] == plain
    assert '"hi;=1+1"' in out.getvalue()


async def test_a_trail_that_was_changed_ends_the_verification_with_one(
    scene: Scene, database_url: str, tmp_path: Path
) -> None:
    for _ in range(3):
        await ask(scene, "guest", "refresh", environment="staging")
    database = Database(database_url)
    async with database.transaction() as connection:
        postgres = connection.dialect.name == "postgresql"
        off = "ALTER TABLE audit DISABLE TRIGGER USER" if postgres else "DROP TRIGGER audit_no_update"
        await connection.execute(text(off))
        await connection.execute(text("UPDATE audit SET outcome = 'passed' WHERE id = 2"))
    await database.close()

    said = await program.run("audit verify", program.everything(scene, tmp_path), directory=tmp_path)
    assert said.code == 1
    assert said.out.splitlines()[0] == "The chain is broken at #2: edited: it is not as written."


async def test_an_address_that_is_none_is_named_and_nothing_else_is_missed(tmp_path: Path) -> None:
    for command in ("audit verify", "audit export"):
        said = await program.run(command, {f"{PREFIX}DATABASE_URL": "mysql://hunter2@db"}, directory=tmp_path)
        why = "CHATOPS_DATABASE_URL: must start with sqlite:// or postgresql://\n"
        assert (said.code, said.out, said.problems) == (2, "", why)


async def test_without_a_trail_it_says_why(empty_database_url: str, scene: Scene, tmp_path: Path) -> None:
    variables = program.everything(scene, tmp_path) | {f"{PREFIX}DATABASE_URL": empty_database_url}
    for command in ("audit verify", "audit export"):
        said = await program.run(command, variables, directory=tmp_path)
        sentence = f"The database is at schema nothing, and this version wants {migrations.head()}"
        assert (said.code, said.out, said.problems) == (2, "", f"{sentence}: run python -m bot migrate.\n")
    variables[f"{PREFIX}DATABASE_URL"] = "postgresql://chatops:hunter2@127.0.0.1:9/chatops"
    said = await program.run("audit verify", variables, directory=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.problems == "The database does not answer (ConnectionRefusedError): see CHATOPS_DATABASE_URL.\n"
    for wrong in ("audit verify --head x", "audit export --since x", "audit export --format xml"):
        assert (await program.run(wrong, variables, directory=tmp_path)).code == 2
