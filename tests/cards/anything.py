"""Any facts at all about a release: what is read and reported, asked for and consented to, however unlikely."""

from hypothesis import strategies as st

from bot.domain.approvals import Approval, ApprovalState, Vote
from bot.domain.contents import Content, ImageChange
from bot.domain.events import (
    ApplicationObserved,
    JobReported,
    Phase,
    Pod,
    RunReported,
    StageReported,
    Step,
    SyncOperation,
    Workload,
)
from bot.domain.images import Image
from bot.domain.operations import Operation
from tests.cards import story

_texts = st.text(max_size=300)
MOMENTS = st.integers(-(10**6), 10**6).map(story.after)
_tags = st.sampled_from([story.OLD_TAG, story.TAG, story.NEWER_TAG, "latest", None])
_images = st.builds(Image, repository=st.just(story.REPOSITORY), tag=_tags)
_same = {
    "service": st.just("ticket-service"),
    "environment": st.just("prod"),
    "source_revision": st.just(story.SOURCE),
    "run_id": st.integers(1, 2),
    "run_attempt": st.integers(1, 2),
}
_workloads = st.builds(
    Workload,
    service=st.just("ticket-service"),
    desired=_images | st.none(),
    live=_images | st.none(),
    message=_texts,
    pods=st.lists(st.builds(Pod, name=_texts, image=_images, reason=st.none() | _texts), max_size=3).map(tuple),
)
_syncs = st.builds(
    SyncOperation,
    phase=st.sampled_from(Phase),
    message=_texts,
    started_at=MOMENTS,
    finished_at=st.none() | MOMENTS,
    services=st.none(),
)
EVENTS = st.one_of(
    st.builds(RunReported, **_same, title=_texts, author=_texts, url=_texts, started_at=MOMENTS, updated_at=MOMENTS),
    st.builds(
        JobReported,
        **_same,
        job_id=st.integers(1, 3),
        name=_texts,
        started_at=st.none() | MOMENTS,
        completed_at=st.none() | MOMENTS,
        steps=st.lists(st.builds(Step, name=_texts, started_at=st.none(), completed_at=st.none()), max_size=3).map(
            tuple
        ),
    ),
    st.builds(StageReported, **_same, at=MOMENTS, tag=_tags, message=st.none() | _texts, url=st.none() | _texts),
    st.builds(
        ApplicationObserved,
        environment=st.just("prod"),
        observed_at=MOMENTS,
        reconciled_at=st.none() | MOMENTS,
        health_since=st.none(),
        operation=st.none() | _syncs,
        workloads=st.lists(_workloads, max_size=1).map(tuple),
        conditions=st.just(()),
    ),
)
OPERATIONS = st.builds(
    Operation,
    service=st.just("ticket-service"),
    environment=st.just("prod"),
    requested_name=_texts,
    requested_at=MOMENTS,
    updated_at=MOMENTS,
    dispatched_at=st.none(),
    deadline=st.none(),
    detail=_texts,
    content=st.none()
    | st.builds(
        Content,
        images=st.tuples(st.builds(ImageChange, service=st.just("ticket-service"), old=_images, new=_images)),
        resources=st.just(()),
    ),
    revision=st.none(),
    ends=st.none(),
    sync=st.none(),
    evidence=st.lists(_texts, max_size=9).map(tuple),
)
APPROVALS = st.builds(
    Approval,
    required=st.integers(0, 10),
    authors=st.frozensets(st.integers(1, 20), max_size=3),
    requested_at=MOMENTS,
    expires_at=MOMENTS,
    state=st.sampled_from(ApprovalState),
    votes=st.lists(st.builds(Vote, name=_texts, at=MOMENTS), max_size=10).map(tuple),
    decided_at=st.none() | MOMENTS,
    decided_by=st.none() | _texts,
)
