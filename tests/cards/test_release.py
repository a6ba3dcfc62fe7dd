"""The release card in every state, with hostile text, and as a property over any facts at all."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cards.base import TOTAL_LIMIT, Button, Colour, Style, digest
from bot.cards.text import length
from bot.domain import releases
from bot.domain.approvals import Approval
from bot.domain.events import (
    ApplicationObserved,
    JobReported,
    Phase,
    ResourceResult,
    RunReported,
    RunStatus,
    Stage,
    StageReported,
    StageStatus,
)
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from tests.cards import places, story
from tests.cards.anything import APPROVALS, EVENTS, MOMENTS, OPERATIONS
from tests.cards.snapshots import as_shown, expected
from tests.cards.states import cards
from tests.cards.story import approval, card, granted, operation, pipeline, run, seen, stage, sync, told

STATES = cards()


@pytest.mark.parametrize("name", STATES)
def test_the_card_of_each_state(name: str) -> None:
    assert as_shown(STATES[name]) == expected(name, STATES[name])


def test_a_waiting_card_can_be_decided() -> None:
    waiting = STATES["waiting"]

    assert waiting.title == "ticket-service → prod · waiting for approval"
    assert waiting.colour is Colour.WAITING
    assert waiting.buttons[:2] == (
        Button(label="Approve", custom_id="chatops:approve:0194350c8a20a1b2c3d4e5f6", style=Style.GOOD),
        Button(label="Reject", custom_id="chatops:reject:0194350c8a20a1b2c3d4e5f6", style=Style.BAD),
    )


def test_what_nobody_can_approve_can_still_be_rejected_and_withdrawn() -> None:
    told_only, *refusing = (STATES[f"{name}-unmapped"].buttons for name in ("waiting", "refusing"))

    assert [(one.label, one.disabled) for one in told_only if one.custom_id] == [
        ("Approve", False),
        ("Reject", False),
        ("Withdraw", False),
    ]
    assert refusing == [(replace(told_only[0], disabled=True), *told_only[1:])]


def test_what_somebody_asked_for_can_be_withdrawn() -> None:
    def pressed(requested_by: int | None) -> list[str]:
        asked = operation(OperationState.WAITING, requested_by=requested_by)
        shown = card(told([*pipeline(), seen(110)]), asked, approval())
        return [button.label for button in shown.buttons if button.custom_id]

    assert pressed(None) == ["Approve", "Reject"]
    assert pressed(places.MINA) == ["Approve", "Reject", "Withdraw"]


@pytest.mark.parametrize("name", ["failed", "cancelled"])
def test_a_card_of_a_failed_run_offers_to_run_it_again(name: str) -> None:
    assert STATES[name].buttons[0] == Button(label="Run again", custom_id="chatops:rerun:42:17203344901:1")


def test_a_stage_that_failed_while_its_run_goes_on_cannot_be_run_again_yet() -> None:
    shown = card(told([run(), *stage(Stage.BUILD, 4, 62, status=StageStatus.FAILED)]))

    assert shown.title == "ticket-service → prod · failed"
    assert [button.label for button in shown.buttons] == ["Run", "Commit", "Argo CD"]
    assert shown.description.endswith("**Next** `build` failed. Read the run's log. A re-run goes on here.")


@pytest.mark.parametrize(
    "name",
    sorted(
        STATES.keys()
        - {
            "waiting",
            "waiting-for-two",
            "waiting-for-groups",
            "waiting-unmapped",
            "waiting-unmapped-and-others",
            "refusing-unmapped",
            "refusing-unsure",
            "asked-again",
            "pushed-again",
            "by-hand",
            "failed",
            "cancelled",
            "degraded",
            "another-image",
        }
    ),
)
def test_no_other_card_can_be_decided(name: str) -> None:
    assert [button for button in STATES[name].buttons if button.custom_id] == []


def test_an_approval_that_ran_out_cannot_be_decided_before_anybody_swept_it() -> None:
    asked = operation(OperationState.WAITING)
    in_time, late = (card(told([*pipeline(), seen(110)]), asked, approval(), now=now) for now in (3711, 3712))

    assert in_time.title.endswith("waiting for approval")
    assert [button.label for button in late.buttons] == ["Run", "Commit", "Argo CD"]
    assert late.title.endswith("approval expired")


def test_a_card_that_only_grew_older_is_the_same_card() -> None:
    asked = operation(OperationState.WAITING)
    early, later = (card(told([*pipeline(), seen(at)]), asked, approval(), now=at) for at in (200, 1200))

    assert digest(early) == digest(later)


def test_a_sync_that_has_ended_is_not_shown_running_because_the_operation_was_looked_at_earlier() -> None:
    waiting = [*pipeline(), seen(110)]
    over = sync(Phase.SUCCEEDED, finished=508)
    result = ResourceResult(kind="Deployment", name="ticket-service", status="Synced", message="configured")
    begun = replace(sync(Phase.RUNNING), results=(result,))
    release = told([*waiting, seen(545, live=story.TAG, operation=over, ready=3)])
    behind, level = (card(release, operation(OperationState.RUNNING, sync=one), granted()) for one in (begun, over))

    assert behind.description == level.description
    running = told([*waiting, seen(501, operation=sync(Phase.RUNNING))])
    shown = card(running, operation(OperationState.RUNNING, sync=begun), granted()).description
    assert "Deployment/ticket-service: configured" in shown


def test_a_request_about_an_earlier_build_says_nothing_about_a_re_run() -> None:
    again = replace(run(RunStatus.IN_PROGRESS, attempt=2), started_at=story.after(900), updated_at=story.after(901))
    built = [
        replace(report, run_attempt=2, at=report.at + timedelta(seconds=900))
        for report in stage(Stage.PUSH, 94, 103, tag="b2c3d4e-20260105-144625")
    ]
    rejected = operation(OperationState.REJECTED, reason=Reason.REJECTED)

    shown = card(told([*pipeline(), seen(110), again, *built]), rejected, approval())

    assert shown.title == "ticket-service → prod · started"
    assert shown.footer == "attempt 2"


def test_foreign_text_stays_text() -> None:
    hostile = "@everyone **[x](https://evil.example)** `\u202e\n# " + "A" * 500
    release = told(
        [
            replace(run(RunStatus.COMPLETED, "failure", title=hostile), author="<@1> ||mina||"),
            *stage(Stage.BUILD, 4, 62, status=StageStatus.FAILED, message=hostile),
        ]
    )
    shown = card(release, operation(OperationState.WAITING, requested_name="**root**"), approval())

    subject, first = shown.description.split("\n")[0], shown.description.split("\n")[4]
    assert subject == (
        r"[\@everyone \*\*(x)(evil.example)\*\* \` \# " + "A" * 43 + "…](https://github.com/ORGANIZATION/"
        rf"project-ticketing/commit/{story.SOURCE}) by \<\@1\> \|\|mina\|\|"
    )
    assert first == (r"❌ **Build** 58s · \@everyone \*\*\[x\](https\://evil.example)\*\* \` \# " + "A" * 75 + "…")
    assert "asked by \\*\\*root\\*\\*" in shown.description


def test_addresses_come_only_from_the_settings_and_safe_links() -> None:
    shown = card(told([replace(run(), url="javascript:alert(1)")]))

    assert shown.url is None
    assert [button.label for button in shown.buttons] == ["Commit", "Argo CD"]


def test_an_environment_that_left_the_topology_still_has_a_card() -> None:
    shown = card(told(pipeline(environment="old"), environment="old"))

    assert shown.title == "ticket-service → old · committed"
    assert shown.description.endswith("**Next** The topology file no longer has this environment.")
    assert [button.label for button in shown.buttons] == ["Run", "Commit"]


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=6), st.none() | OPERATIONS, st.none() | APPROVALS, MOMENTS)
def test_any_release_renders_within_the_limits(
    events: list[RunReported | JobReported | StageReported | ApplicationObserved],
    asked: Operation | None,
    consent: Approval | None,
    now: datetime,
) -> None:
    release = reduce(
        releases.apply,
        events,
        Release(service="ticket-service", environment="prod", source_revision=story.SOURCE),
    )
    shown = card(release, asked, consent, now=(now - story.BEGIN).total_seconds())

    assert shown.size <= TOTAL_LIMIT
    assert length(shown.description) <= 4096
    assert len(shown.description.splitlines()) <= 16 + (len(asked.evidence) + 4 if asked else 0)
    pressed = [button.label for button in shown.buttons if button.custom_id]
    assert pressed in ([], ["Approve", "Reject"], ["Approve", "Reject", "Withdraw"], ["Run again"], ["Roll back"])
