"""What a deploy would do, read and put before people.

The content of the request is read from Argo CD's comparison, the commits behind it are looked up on GitHub, and all is
written down together with the consent that is needed. Nothing outside is changed; it may be done again at any time.
"""

from dataclasses import replace
from datetime import datetime

from bot.adapters.argocd import ArgoCD
from bot.adapters.github import Commit, GitHub
from bot.adapters.github_errors import NotFound
from bot.domain import images, rollbacks
from bot.domain.approvals import UNMAPPED, Approval
from bot.domain.catalog import Environment
from bot.domain.contents import Content
from bot.domain.images import Image
from bot.domain.operations import Operation, OperationState
from bot.domain.people import People, named
from bot.domain.reasons import Reason, Refused
from bot.services import authorship, consents, contents, environments, histories, operations, releases, showing
from bot.services.manifests import Manifests, shown
from bot.services.steps import Steps
from bot.storage import applications, audit
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from bot.storage import releases as release_rows
from bot.storage.engine import Connection


async def propose(
    operation: Operation,
    *,
    environment: Environment,
    argocd: ArgoCD,
    github: GitHub,
    manifests: Manifests,
    steps: Steps,
) -> None:
    """Take a requested deploy to `waiting`, or to `approved` where nobody has to consent.

    It takes the place of what waits for consent to the same target. Refuses what `contents.of`, `Manifests.require` and
    `Manifests.pinned` refuse, a revision that is not on the environment's branch, an image whose tag names no commit,
    and when what waited was approved meanwhile. Raises the errors of the adapters.
    """
    chosen, image = await _chosen(operation, github=github), manifests.image(operation)
    if image is not None:
        await manifests.require(operation, image, environment=environment)
    read = await argocd.read(environment.application, refresh="normal", revision=chosen, image=image)
    if operation.rollback is not None and consents.is_taken(read) and not environment.automated:
        # What is being deployed right now is what shall be taken away, so it has to be there before people see that.
        stop = f"/terminate environment:{environment.name} stops it."
        if not await steps.later(operation, Reason.OPERATION_IN_PROGRESS, detail=stop):
            raise Refused(Reason.OPERATION_IN_PROGRESS, stop)
        return
    if not await github.contains(environment.branch, read.revision):
        raise Refused(Reason.NOT_ON_BRANCH)
    await histories.require(operation, read=read, argocd=argocd, application=environment.application)
    content = contents.of(read, service=operation.scope, automated=environment.automated, image=image)
    content = await manifests.pinned(content)
    if operation.rollback is not None:
        _require_target(content, operation)
    commits = [await _source(change.new, service=change.service, github=github) for change in content.images]
    if operation.scope is not None and not commits:
        raise Refused(Reason.UNTRACEABLE_IMAGE)
    consent, chosen_image = environment.required_approvals > 0, image is not None or operation.rollback is not None
    asked_about = consent or chosen_image
    comparisons = await authorship.compared(content, commits, manifests=manifests) if asked_about else {}
    seen = comparisons.get(operation.service or "") if chosen_image else None
    off_branch = image is not None and not await github.contains(environment.branch, commits[0].revision)
    people = People()
    if consent:
        people = await authorship.behind(
            content,
            commits,
            comparisons=comparisons,
            written=not chosen_image,
            environment=environment,
            manifests=manifests,
        )
    now = steps.clock()
    wakes = ("cards", "operations", "applications")
    async with environments.changing(steps.database, environment.name, wakes=wakes) as connection:
        current = await rows.get(connection, operation.id)
        if current is None or current.state is not OperationState.REQUESTED:
            return
        await operations.take_place(connection, operation, now=now)
        release_id = None
        if not operation.has_card:
            release_id = await _release(connection, operation, commits[0], now=now)
        after = replace(
            operation,
            state=OperationState.WAITING if consent else OperationState.APPROVED,
            content=content,
            off_branch=off_branch,
            between=shown(seen) if seen else None,
            release_id=release_id,
            reason=None,
            detail="",
            deadline=None,
            updated_at=now,
        )
        await rows.save(connection, after, expected=OperationState.REQUESTED)
        if consent:
            # GitHub and the run may differ in whom they call the author, and either may be unknown.
            people |= named(await releases.wrote(connection, content))
            again = await releases.reran(connection, content)
            known = (operation.requested_by, *again, *map(steps.catalog.discord_id_of, people.logins))
            asked = _approval(operation, content, environment=environment, now=now)
            barred = frozenset(person for person in known if person is not None)
            unmapped = steps.catalog.unmapped(people.logins)
            await approval_rows.add(
                connection,
                replace(
                    asked,
                    authors=barred,
                    unmapped=unmapped[:UNMAPPED],
                    unsure=people.others or len(unmapped) > UNMAPPED,
                ),
            )
        await audit.note(
            connection, at=now, actor="chatops", action=operation.kind, outcome=after.state, operation=after
        )
        await applications.hint(connection, environment.name, now=now)
        await showing.refresh_card(connection, after, now=now)


def _require_target(content: Content, operation: Operation) -> None:
    """Refuse a rollback that would bring another image than the one that was chosen, or would go forward by now."""
    change, rollback = content.change_of(operation.service), operation.rollback
    if rollback is None or change is None or change.new is None or change.new.tag is None:
        raise Refused(Reason.CONTENT_CHANGED)
    running = change.old.tag if change.old else None
    forward = rollbacks.is_forward(change.new.tag, running=running) and not rollback.forward
    if forward or (rollback.to and change.new.tag != rollback.to):
        raise Refused(Reason.CONTENT_CHANGED)


async def _chosen(operation: Operation, *, github: GitHub) -> str | None:
    """The full id of the commit that a person chose in place of the newest one, if they did."""
    if operation.revision is None:
        return None
    try:
        commit = await github.commit(operation.revision)
    except NotFound as error:
        raise Refused(Reason.REVISION_UNKNOWN) from error
    if not commit.revision.startswith(operation.revision):
        raise Refused(Reason.REVISION_UNKNOWN)  # A branch of that name, which moves.
    return commit.revision


async def _source(image: Image | None, *, service: str, github: GitHub) -> Commit:
    """The commit that an image was built from; its tag tells the beginning of the name."""
    short = images.short_revision(image.tag) if image else None
    if short is None:
        raise Refused(Reason.UNTRACEABLE_IMAGE, f"({service})")
    try:
        commit = await github.commit(short)
    except NotFound as error:
        raise Refused(Reason.UNTRACEABLE_IMAGE, f"({service})") from error
    if not commit.revision.startswith(short):
        raise Refused(Reason.UNTRACEABLE_IMAGE, f"({service})")  # A branch of that name, not what the tag means.
    return commit


async def _release(connection: Connection, operation: Operation, commit: Commit, *, now: datetime) -> int:
    """The row of the release that a deploy of one service is about."""
    stored = await release_rows.change(
        connection,
        environment=operation.environment,
        service=operation.service or "",
        source_revision=commit.revision,
        now=now,
        step=lambda release: release,
    )
    return stored.id


def _approval(operation: Operation, content: Content, *, environment: Environment, now: datetime) -> Approval:
    """A consent that nobody gave yet, before it is known who may not give it. In an emergency one person is enough."""
    emergency = operation.rollback is not None and operation.rollback.emergency
    return Approval(
        id=operation.id,
        operation_id=operation.id,
        environment=environment.name,
        service=operation.subject,
        scope=operation.scope,
        digest=content.digest,
        required=1 if emergency else environment.required_approvals,
        groups=() if emergency else environment.approval_groups,
        refuse_unknown=environment.refuse_unknown and not emergency,
        refuse_unsure=environment.refuse_unsure and not emergency,
        authors=frozenset(),
        requested_at=now,
        expires_at=now + environment.approval_lifetime,
    )
