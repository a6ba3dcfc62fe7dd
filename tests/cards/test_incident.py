"""Alerts: what failed, since when, and green on the same message once it is over."""

from dataclasses import replace

from bot.cards.base import Button, Card, Colour
from bot.cards.incident import render
from bot.domain.incidents import Incident
from tests.cards import story

FAILED = Incident(
    subject="run:prod:ticket-service",
    episode=2,
    order="1",
    occurrence="17203344901/1",
    environment="prod",
    service="ticket-service",
    title="Run failed",
    detail="build-and-push / Build image",
    url=story.RUN_URL,
    opened_at=story.after(64),
    last_at=story.after(64),
)


def test_an_open_alert_says_what_failed_and_what_to_do() -> None:
    assert render(FAILED) == Card(
        title="ticket-service → prod · Run failed",
        colour=Colour.BAD,
        reference="run:prod:ticket-service #2",
        description=(
            "❌ build-and-push / Build image\n\u200b\nSince <t:1767623464:R>\n\u200b\n"
            "**Next** Read the run's log, then push a fix, or run it again from its release card."
        ),
        buttons=(Button(label="Run", url=story.RUN_URL),),
        timestamp=story.after(64),
    )


def test_a_repeated_alert_counts() -> None:
    shown = render(replace(FAILED, count=3, last_at=story.after(400)))

    assert shown.description.split("\n")[2] == "Since <t:1767623464:R>, 3 times, last <t:1767623800:R>"


def test_a_recovered_alert_says_so_and_keeps_what_it_was() -> None:
    recovered = replace(FAILED, recovered_at=story.after(784), recovery="Run succeeded")

    assert render(recovered) == Card(
        title="ticket-service → prod · recovered after 12m",
        colour=Colour.GOOD,
        reference="run:prod:ticket-service #2",
        description="✅ Run succeeded\n\u200b\nIt was: Run failed\n• build-and-push / Build image",
        buttons=(Button(label="Run", url=story.RUN_URL),),
        timestamp=story.after(64),
    )


def test_details_are_cut_and_never_markup() -> None:
    degraded = replace(
        FAILED,
        subject="health:prod",
        service=None,
        title="Application Degraded",
        detail="\n".join(["payment-service: **CrashLoopBackOff** @everyone", *map(str, range(9)), "x" * 400]),
        url="",
    )
    shown = render(degraded)

    assert shown.title == "prod · Application Degraded"
    assert shown.buttons == ()
    assert shown.description.split("\n")[:9] == [
        r"❌ payment-service: \*\*CrashLoopBackOff\*\* \@everyone",
        *(f"❌ {number}" for number in range(7)),
        "and 3 more",
    ]
