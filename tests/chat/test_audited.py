"""What was refused after the gate, or broke, is written into the trail; what the gate refused, only there."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest

from bot.domain.permissions import Actor
from bot.services import freezes, locks, operations, stops
from tests.chat.office import Office, reject, said

OPTIONS = {"environment": "prod", "service": "ticket-service"}
WAITING = "waiting for approval"


async def test_what_a_service_refuses_is_audited_with_its_place(office: Office) -> None:
    options = {"environment": "prod", "service": "all", "tag": "1a2b3c4-20260105-120000"}
    result = await office.town.mina.slash(office.town.releases, "deploy", **options)

    assert said(result)[0] == "Refused"
    assert office.audited == [("mina", "deploy", "prod", None)]
    assert office.refused == [("mina", "deploy", "prod", "refused", "tag_of_one_service", "")]


async def test_what_the_gate_refuses_is_audited_once(office: Office) -> None:
    result = await office.town.guest.slash(office.town.releases, "deploy", **OPTIONS)

    assert said(result)[0] == "Refused"
    assert office.audited == [("guest", "deploy", "prod", "missing_role")]
    assert office.refused == []


async def test_a_place_that_somebody_made_up_is_quoted_to_nobody(office: Office) -> None:
    made_up = "x belongs to <@&1>, ask @everyone:"
    for options, sentence in (
        ({"service": made_up}, "There is no such service. Pick one from the list that appears as you type."),
        ({"environment": made_up}, "There is no such environment. Pick one from the list that appears as you type."),
    ):
        result = await office.town.guest.slash(office.town.releases, "deploy", **(OPTIONS | options))
        assert said(result) == ("Refused", sentence)

    assert office.audited == [
        ("guest", "deploy", "prod", "unknown_service"),
        ("guest", "deploy", made_up, "unknown_environment"),
    ]
    assert office.refused == []


async def test_a_refused_press_and_a_refused_form_name_their_request(office: Office) -> None:
    approval = await office.ask(requested_by=office.town.jiwon.id)
    card = await office.message(titled=WAITING)
    await office.town.jiwon.click(card, label="Approve")
    opened = await office.town.jiwon.click(card, label="Reject")
    await reject(office.town.sujin, card)
    await office.town.jiwon.submit_modal(opened, {"reason": "Too late."})

    first, second = office.refused
    assert first == ("jiwon", "approve", "prod", "refused", "own_request", f"chatops:approve:{approval.id}")
    assert second == ("jiwon", "reject", "prod", "refused", "already_decided", f"chatops:reject:{approval.id}")


async def test_what_was_in_the_way_is_kept_in_plain_words(office: Office) -> None:
    town, database, catalog, now = office.town, office.town.database, office.catalog, office.town.clock()
    why = "migration [x](http://e.vil)\n@everyone `a`"
    kept = "migration [x](http://e.vil) @everyone 'a'"
    actor = Actor(id=town.sujin.id, name="su*jin", guild_id=town.guild.id, role_ids=frozenset())
    ends = (now + timedelta(hours=2)).astimezone(UTC).replace(second=0, microsecond=0)

    async def refused() -> tuple[str | None, str]:
        result = await town.mina.slash(town.releases, "deploy", **OPTIONS)
        assert said(result)[0] == "Refused"
        return office.refused[-1][4:]

    wanted = freezes.Wanted(environment="prod", service=None, reason=why, ends=f"{ends:%Y-%m-%dT%H:%M}", zone="UTC")
    freeze = (await freezes.add(database, wanted, catalog=catalog, actor=actor, now=now)).freeze
    until = f"{ends:%Y-%m-%d %H:%M} UTC"
    froze = f"freeze {freeze.id}: su*jin froze all services in prod until {until}: {kept}"
    assert await refused() == ("frozen", froze)
    lock = (
        await locks.lock(
            database, environment="prod", service=None, actor=actor, reason=why, now=now, period=ends - now
        )
    ).lock
    assert await refused() == (
        "locked",
        f"lock {lock.short_id}: su*jin locked all services in prod until {until}: {kept}",
    )
    stop = (await stops.stop(database, catalog=catalog, actor=actor, reason=why, now=now)).stop
    assert await refused() == ("stopped", f"stop {stop.id}: su*jin stopped everything: {kept}")


async def test_what_breaks_is_audited_under_the_id_that_was_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise LookupError("a fault")

    monkeypatch.setattr(operations, "request", broken)
    result = await office.town.mina.slash(office.town.releases, "deploy", **OPTIONS)

    assert result.response is not None
    [embed] = result.response.embeds
    [(*row, detail)] = office.refused
    assert row == ["mina", "deploy", "prod", "failed", "fault"]
    found = re.fullmatch(r"error ([0-9a-f]{8})", detail)
    assert found is not None
    assert found[1] in f"{embed.description} {embed.footer.text}"


async def test_a_trail_that_cannot_be_written_keeps_no_answer_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(office.deps.gate, "note", broken)
    result = await office.town.mina.slash(office.town.releases, "deploy", environment="prod", service="no-service")

    assert said(result) == ("Refused", "There is no such service. Pick one from the list that appears as you type.")
