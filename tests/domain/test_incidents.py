"""Episodes of a subject: opened, repeated, recovered; late and repeated signals change nothing."""

from bot.domain import incidents
from bot.domain.incidents import Incident, Signal
from tests.domain.examples import after, signal


def told(*signals: Signal) -> Incident:
    """The newest episode after these signals."""
    incident: Incident | None = None
    for one in signals:
        incident = incidents.apply(incident, signal=one)
    assert incident is not None
    return incident


def bad(order: int, *, occurrence: str | None = None, detail: str = "", title: str = "Run failed") -> Signal:
    return signal(order=f"{order}", occurrence=occurrence or f"{order}", at=after(order), detail=detail, title=title)


def good(order: int) -> Signal:
    return signal(bad=False, order=f"{order}", occurrence=f"{order}", at=after(order), title="Run succeeded", detail="")


def test_the_first_failure_opens_the_first_episode() -> None:
    assert told(signal()) == Incident(
        subject="run:prod:ticket-service",
        episode=1,
        order="1",
        occurrence="first",
        environment="prod",
        service="ticket-service",
        title="Run failed",
        detail="build-and-push / Build image",
        url="https://github.example/runs/1",
        opened_at=after(1),
        last_at=after(1),
    )


def test_a_second_look_at_the_same_failure_is_no_second_failure() -> None:
    first, again = bad(1, occurrence="run 1"), bad(2, occurrence="run 1", detail="job / step")
    incident = told(first, again, again)

    assert (incident.episode, incident.count, incident.last_at) == (1, 1, after(1))
    assert incident.detail == "job / step"


def test_a_detail_stays_until_the_same_failure_gives_a_better_one() -> None:
    assert told(bad(1, occurrence="run 1", detail="step"), bad(1, occurrence="run 1")).detail == "step"


def test_another_failure_counts_and_brings_its_own_detail() -> None:
    incident = told(bad(1, detail="build"), bad(2, title="Run timed out"))

    assert (incident.episode, incident.count, incident.opened_at, incident.last_at) == (1, 2, after(1), after(2))
    assert (incident.title, incident.detail) == ("Run timed out", "")


def test_a_success_recovers_once_and_keeps_what_was_wrong() -> None:
    open_incident = told(bad(1, detail="build"))
    incident = told(bad(1, detail="build"), good(2))

    assert (incident.episode, incident.recovered_at, incident.recovery) == (1, after(2), "Run succeeded")
    assert (incident.title, incident.detail, incident.count) == (open_incident.title, "build", 1)
    later = told(bad(1, detail="build"), good(2), good(3))
    assert (later.recovered_at, later.order) == (after(2), "3")


def test_a_failure_after_recovery_is_a_new_episode() -> None:
    incident = told(bad(1), good(2), bad(3))

    assert (incident.episode, incident.count, incident.opened_at, incident.recovered_at) == (2, 1, after(3), None)


def test_late_news_changes_nothing() -> None:
    recovered, reopened = told(bad(1), good(3)), told(bad(1), good(3), bad(5))

    for late in (bad(1), bad(2), good(2)):
        assert incidents.apply(recovered, signal=late) is recovered
        assert incidents.apply(reopened, signal=late) is reopened
    assert incidents.apply(reopened, signal=good(4)) is reopened


def test_a_failure_that_arrives_after_the_success_that_followed_it_raises_no_alert() -> None:
    quiet = told(good(2))

    assert (quiet.episode, quiet.recovered_at, quiet.count) == (0, after(2), 1)
    assert incidents.apply(quiet, signal=bad(1)) is quiet
    assert told(good(2), good(4), bad(3)).episode == 0
    assert told(good(2), bad(3)).episode == 1


def test_every_signal_twice_equals_every_signal_once() -> None:
    story = [bad(1), bad(2), good(3), bad(4), good(5), good(6)]

    assert told(*(one for one in story for _ in range(2))) == told(*story)
    assert told(*story, *story) == told(*story)
    assert told(*story).episode == 2
