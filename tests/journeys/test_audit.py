"""The audit trail as people meet it: /audit, and its button Older."""

import json
import re
from datetime import UTC, datetime

import pytest

from bot.domain.reasons import SENTENCES, Reason
from bot.storage import audit
from bot.storage.engine import Database
from sandbox.scene import Scene
from tests.journeys import people, seeing
from tests.journeys.looks import NO_ENVIRONMENT, ask
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

MAY_NOT = "You do not have a role that may do this. {}:audit belongs to **@Release manager**."
FOOTER = "The numbers are the order; the times are what the bot's clock said."
HIDDEN = "password=[hidden] is in it: @everyone"
NO_OPERATION, NO_SERVICE = SENTENCES[Reason.OPERATION_UNKNOWN], SENTENCES[Reason.UNKNOWN_SERVICE]
NOT_A_TIME = "That is not a time to begin at: `30m`, `12h`, `7d`, or a day like `2026-01-31`."


def told(text: str) -> list[str]:
    """The lines of a page without their times."""
    return [re.sub(r"<t:\d+:f> ", "", line) for line in text.splitlines()]


async def test_a_deploy_leaves_every_step_of_everybody(scene: Scene, rows: Rows) -> None:
    await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    minji, jisoo, guest = (scene.town.people[name] for name in ("minji", "jisoo", "guest"))
    slow = people.old_copy(scene, card)
    await guest.click(card, label="Approve")
    await people.reject(jisoo, card, why="password=hunter2 is in it: @everyone")
    assert seeing.told(await slow.press(minji, "Approve")) == ("Refused", "This request has been decided already.")
    await rows.quiet()

    [operation] = await rows.operations()
    assert operation.content is not None
    digest, button = operation.content.digest, f"chatops:approve:{operation.id}"
    found = await rows.trail()
    assert [
        (one.actor, one.action, one.outcome, one.reason, one.environment, one.detail, one.digest) for one in found
    ] == [
        ("github:hyunwoo", "deploy", "requested", None, "prod", "", None),
        ("chatops", "deploy", "waiting", None, "prod", "", digest),
        (f"discord:{guest.id}", "gate:approve", "refused", "missing_role", "prod", "guest", digest),
        (f"discord:{jisoo.id}", "gate:approve", "passed", None, "prod", "jisoo", digest),
        (f"discord:{jisoo.id}", "deploy", "rejected", "rejected", "prod", HIDDEN, digest),
        (f"discord:{minji.id}", "gate:approve", "passed", None, "prod", "minji", digest),
        (f"discord:{minji.id}", "approve", "refused", "already_decided", "prod", button, digest),
    ]
    assert {(one.operation_id, one.service) for one in found} == {(operation.id, "ticket-service")}
    page = seeing.answer(await ask(scene, "jisoo", "audit", operation=operation.id))
    why = seeing.answer(await ask(scene, "jisoo", "why", operation=operation.id))
    for text, step in ((page.text, 1), (why.text, -1)):
        assert re.findall(r"^#\d+", text, flags=re.M) == ["#7", "#5", "#3", "#2", "#1"][::step]
        [refused] = [line for line in text.splitlines() if line.startswith("#3 ")]
        assert f"<@{guest.id}>" in refused
        assert "refused · `missing_role`" in refused
    # What somebody pushed is theirs too, where the topology file knows their login.
    pushed = seeing.answer(await jisoo.slash(scene.town.releases, "audit", member=scene.town.people["hyunwoo"]))
    [line] = told(pushed.text)
    assert line.startswith("#1 `github:hyunwoo` **deploy** `ticket-service → prod` · requested · [card](")
    manager, developer = (str(scene.town.roles[name].id) for name in ("Release manager", "Developer"))
    both = json.dumps(sorted([manager, developer], key=int), separators=(",", ":"))
    assert [one.roles for one in found] == [None, None, "[]", *[f'["{manager}"]'] * 2, both, both]
    assert re.fullmatch(r"run:\d+/1", found[0].correlation or "")
    assert all(re.fullmatch(r"interaction:\d+", one.correlation or "") for one in found[2:])
    assert found[5].correlation == found[6].correlation != found[4].correlation


async def test_audit_shows_what_one_may_read_newest_first(scene: Scene, rows: Rows) -> None:
    await ask(scene, "guest", "refresh", environment="staging")
    await ask(scene, "guest", "refresh", environment="nowhere")
    await ask(scene, "jisoo", "refresh", environment="staging")
    await rows.ended()
    guest, jisoo = (f"<@{scene.town.people[name].id}>" for name in ("guest", "jisoo"))

    answer = seeing.answer(await ask(scene, "jisoo", "audit"))
    refreshed = "**refresh** `staging`"
    assert (answer.title, answer.footer, answer.buttons) == ("Audit · dev, staging, prod", FOOTER, ())
    assert told(answer.text) == [
        f"#5 `chatops` {refreshed} · succeeded",
        f"#4 {jisoo} {refreshed} · requested",
        f"#2 {guest} **gate:refresh** `nowhere` · refused · `unknown_environment` · guest",
        f"#1 {guest} **gate:refresh** `staging` · refused · `missing_role` · guest",
    ]

    async def lines(**options: object) -> list[str]:
        shown = seeing.answer(await scene.town.people["jisoo"].slash(scene.town.releases, "audit", **options))
        return [line.partition(" ")[0] for line in told(shown.text)]

    assert await lines(environment="staging") == ["#5", "#4", "#1"]
    assert await lines(member=scene.town.people["guest"]) == ["#2", "#1"]
    assert await lines(action="gate:refresh") == ["#3", "#2", "#1"]
    assert await lines(action="gate:audit", since="1h") == ["#10", "#9", "#8", "#7", "#6"]
    assert await lines(since="2000-01-01", environment="prod") == ["No"]
    [operation] = await rows.operations()
    assert await lines(operation=operation.id) == ["#5", "#4"]
    assert await lines(operation=f" {operation.id} ", environment="staging", member=scene.town.people["jisoo"]) == [
        "#4"
    ]
    assert await lines(operation=operation.id, environment="prod") == ["No"]
    assert await lines(operation=operation.id, service="backend") == ["No"]
    assert seeing.told(await ask(scene, "jisoo", "audit", operation="nothing")) == ("Refused", NO_OPERATION)
    assert seeing.told(await ask(scene, "jisoo", "audit", service="nothing")) == ("Refused", NO_SERVICE)
    for text in ("yesterday", "5y", "99999d", "0000-00-00"):
        assert seeing.told(await ask(scene, "jisoo", "audit", since=text)) == ("Refused", NOT_A_TIME)


async def test_audit_is_refused_to_who_may_not_and_offers_them_nothing(scene: Scene, rows: Rows) -> None:
    for who in ("guest", "sora", "hyunwoo"):
        assert seeing.told(await ask(scene, who, "audit")) == ("Refused", MAY_NOT.format("prod"))
        assert seeing.told(await ask(scene, who, "audit", environment="dev")) == ("Refused", MAY_NOT.format("dev"))
    assert seeing.told(await ask(scene, "jisoo", "audit", environment="x")) == ("Refused", NO_ENVIRONMENT)
    assert seeing.told(await ask(scene, "guest", "audit", since="yesterday")) == ("Refused", MAY_NOT.format("prod"))
    assert [(one.action, one.outcome) for one in await rows.audit()] == [("gate:audit", "refused")] * 8
    await ask(scene, "jisoo", "refresh", environment="dev")
    [operation] = await rows.operations()
    offered = {
        "environment": ["dev", "staging", "prod"],
        "since": ["1h", "24h", "7d", "30d"],
        "action": ["approve"],
        "service": ["backend", "auth-service"],
        "operation": [operation.id],
    }
    for option, values in offered.items():
        typed = "approve" if option == "action" else ""
        for who, may in (("jisoo", True), ("sora", False)):
            found = await scene.town.people[who].autocomplete(scene.town.releases, "audit", option, typed)
            names = [choice["value"] for choice in found]
            assert names[: len(values)] == (values if may else [])


async def test_who_may_read_one_environment_reads_that_one_only(scene: Scene, rows: Rows) -> None:
    granted = {**scene.topology.roles, "dev": {**scene.topology.roles["dev"]}}
    granted["dev"]["audit"] = (scene.town.roles["Observer"].id,)  # type: ignore[index]
    await scene.stop()
    scene.topology = type(scene.topology).model_validate({**scene.topology.model_dump(mode="json"), "roles": granted})
    await scene.start()
    for environment in ("dev", "staging", "nowhere"):
        await ask(scene, "guest", "refresh", environment=environment)

    shown = seeing.answer(await ask(scene, "sora", "audit"))
    assert (shown.title, [line.partition(" ")[0] for line in told(shown.text)]) == ("Audit · dev", ["#1"])
    assert seeing.told(await ask(scene, "sora", "audit", environment="prod"))[0] == "Refused"
    # Of an operation elsewhere they learn as little as of none, and it is not offered.
    for environment in ("staging", "dev"):
        await ask(scene, "jisoo", "refresh", environment=environment)
    await rows.ended()
    staging, dev = sorted((one.id for one in await rows.operations()), key=str)
    for hidden in (staging, "nothing"):
        assert seeing.told(await ask(scene, "sora", "audit", operation=hidden)) == ("Refused", NO_OPERATION)
        asked = await ask(scene, "sora", "audit", operation=hidden, environment="dev")
        assert seeing.told(asked) == ("Refused", NO_OPERATION)
    shown = seeing.answer(await ask(scene, "sora", "audit", operation=dev))
    assert (shown.title, len(told(shown.text))) == ("Audit · dev", 2)
    found = await scene.town.people["sora"].autocomplete(scene.town.releases, "audit", "operation", "")
    assert [choice["value"] for choice in found] == [dev]


async def test_older_goes_on_after_a_restart_for_who_still_may(scene: Scene) -> None:
    for _ in range(20):
        await ask(scene, "guest", "refresh", environment="staging")
    jisoo = scene.town.people["jisoo"]
    first = await ask(scene, "jisoo", "audit", environment="staging")
    await scene.kill()
    await scene.start()
    await ask(scene, "guest", "refresh", environment="staging")

    assert first.response is not None
    second = await jisoo.click(first.response.message, label="Older")
    assert second.response is not None
    third = await jisoo.click(second.response.message, label="Older")
    pages = [seeing.answer(one) for one in (first, second, third)]
    numbers = [[int(line.partition(" ")[0][1:]) for line in told(page.text)] for page in pages]
    assert numbers == [[*range(20, 12, -1)], [*range(12, 4, -1)], [*range(4, 0, -1)]]
    assert [page.buttons for page in pages] == [("Older",), ("Older",), ()]

    scene.env.backend.edit_member(scene.town.guild.id, jisoo.id, {"role_ids": []})
    again = await jisoo.click(second.response.message, label="Older")
    assert seeing.told(again) == ("Refused", MAY_NOT.format("staging"))


async def test_older_keeps_every_filter_or_is_not_offered(scene: Scene, rows: Rows, database_url: str) -> None:
    jisoo, now, long = scene.town.people["jisoo"], datetime.now(UTC), "x" * 40
    await ask(scene, "jisoo", "restart", environment="prod", service="ticket-service")
    await rows.ended()
    [operation] = await rows.operations()
    database = Database(database_url)
    async with database.transaction() as connection:
        for actor in ("chatops", f"discord:{jisoo.id}") * 12:
            place = {"at": now, "actor": actor, "outcome": "told", "environment": "prod", "service": "ticket-service"}
            await audit.note(connection, action="gate:break_glass", operation=operation, **place)  # type: ignore[arg-type]
            await audit.note(connection, action=long, **place)  # type: ignore[arg-type]
            await audit.note(connection, action="lock", **place)  # type: ignore[arg-type]
            await audit.note(connection, action="lock", **{**place, "service": "backend"})  # type: ignore[arg-type]
    await database.close()
    entries = (await rows.trail())[::-1]

    def expected(action: str, *, service: str) -> list[list[int]]:
        mine = [one for one in entries if (one.action, one.service) == (action, service)]
        found = [one.id for one in mine if one.actor == f"discord:{jisoo.id}"]
        return [found[:8], found[8:]]

    async def pages(**options: object) -> tuple[list[list[int]], str]:
        found: list[list[int]] = []
        result = await jisoo.slash(scene.town.releases, "audit", **options)
        while True:
            page = seeing.answer(result)
            assert page.title == "Audit · prod"
            found.append([int(line.partition(" ")[0][1:]) for line in told(page.text)])
            if not page.buttons:
                return found, page.footer
            assert result.response is not None
            result = await jisoo.click(result.response.message, label="Older")

    here = {"environment": "prod", "member": jisoo, "since": "1h", "service": "ticket-service"}
    for action, more in (("gate:break_glass", {"operation": operation.id}), ("lock", {})):
        assert await pages(**here, action=action, **more) == (expected(action, service="ticket-service"), FOOTER)
    [whole, _] = expected(long, service="ticket-service")
    too_long = "There are older rows. These filters are too long for the button Older: ask with fewer."
    assert await pages(**here, action=long) == ([whole], too_long)
    ours = [one.id for one in entries if one.operation_id == operation.id]
    assert await pages(operation=operation.id) == ([ours[at : at + 8] for at in range(0, len(ours), 8)], FOOTER)
