"""What a deploy would do, read and put before people.

The content of the request is read from Argo CD's comparison, its commit is looked up on GitHub, and both are written
down together with the consent that is needed. Nothing outside is changed; it may be done again at any time.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.adapters.argocd import ArgoCD
from bot.adapters.github import Commit, GitHub, NotFound
from bot.domain import images, releases
from bot.domain.approvals import Approval
from bot.domain.catalog import Catalog, Environment
from bot.domain.operations import Content, Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.domain.releases import Release
from bot.services import contents, environments, operations
from bot.storage import applications
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from bot.storage import releases as release_rows
from bot.storage.engine import Database


async def propose(
    operation: Operation,
    *,
    environment: Environment,
    service: str,
    argocd: ArgoCD,
    github: GitHub,
    database: Database,
    catalog: Catalog,
    clock: Callable[[], datetime],
) -> None:
    """Take a requested deploy to `waiting`, or to `approved` where nobody has to consent.

    Refuses what `contents.of_service` refuses, a revision that is not on the environment's branch, and an image whose
    tag names no commit. Raises the errors of the adapters.
    """
    read = await argocd.read(environment.application, refresh="normal")
    content = contents.of_service(read, service=service)
    if not await github.contains(environment.branch, content.revision):
        raise Refused(Reason.NOT_ON_BRANCH)
    commit = await _source(content, github=github)
    now = clock()
    wakes = ("cards", "operations", f"application:{environment.name}")
    async with environments.changing(database, environment.name, wakes=wakes) as connection:
        stored = await release_rows.change(
            connection,
            environment=environment.name,
            service=service,
            source_revision=commit.revision,
            now=now,
            step=lambda release: release,
        )
        consent = environment.required_approvals > 0
        after = replace(
            operation,
            state=OperationState.WAITING if consent else OperationState.APPROVED,
            content=content,
            release_id=stored.id,
            reason=None,
            deadline=None,
            updated_at=now,
        )
        if not await rows.save(connection, after, expected=OperationState.REQUESTED):
            return
        if consent:
            people = _authors(operation, commit=commit, release=stored.release, catalog=catalog)
            asked = _approval(operation, content, environment=environment, service=service, authors=people, now=now)
            await approval_rows.add(connection, asked)
        await applications.hint(connection, environment.name, now=now)
        await operations.refresh_card(connection, after, now=now)


async def _source(content: Content, *, github: GitHub) -> Commit:
    """The commit that the image was built from; its tag tells the beginning of the name."""
    short = images.short_revision(content.new_image.tag) if content.new_image else None
    if short is None:
        raise Refused(Reason.UNTRACEABLE_IMAGE)
    try:
        commit = await github.commit(short)
    except NotFound as error:
        raise Refused(Reason.UNTRACEABLE_IMAGE) from error
    if not commit.revision.startswith(short):
        raise Refused(Reason.UNTRACEABLE_IMAGE)  # A branch of that name, which is not what the tag means.
    return commit


def _authors(operation: Operation, *, commit: Commit, release: Release, catalog: Catalog) -> frozenset[int]:
    """Who may not consent: whoever asked, wrote the commit or started the run. GitHub and the run may differ in whom
    they call the author, and either may be unknown."""
    run = releases.run_of(release)
    logins = (commit.author_login, *((run.author, run.actor) if run else ()))
    people = (operation.requested_by, *(catalog.discord_id_of(login) for login in logins))
    return frozenset(person for person in people if person is not None)


def _approval(
    operation: Operation,
    content: Content,
    *,
    environment: Environment,
    service: str,
    authors: frozenset[int],
    now: datetime,
) -> Approval:
    """A consent that nobody gave yet."""
    return Approval(
        id=operation.id,
        operation_id=operation.id,
        environment=environment.name,
        service=service,
        digest=content.digest,
        required=environment.required_approvals,
        authors=authors,
        requested_at=now,
        expires_at=now + environment.approval_lifetime,
    )
