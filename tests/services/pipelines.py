"""Workflow runs of ticket-service in the world, and GitHub's reports of them, without HTTP in."""

from bot.domain.events import RunReported, RunStatus
from bot.services import releases
from sandbox.actions import Run
from sandbox.world import World
from tests.services.house import TICKETS, Bot


def begun(world: World, *, environment: str = "prod", subject: str = "fix: seats") -> Run:
    """A run that goes on."""
    branch = world.topology.environments[environment].branch
    commit = world.commit_source(TICKETS, branch=branch, login="hyunwoo", subject=subject)
    run = world.actions.request(TICKETS, branch=branch, commit=commit, event="push", at=world.timeline.after())
    run.status = "in_progress"
    return run


def over(run: Run, conclusion: str = "failure") -> Run:
    """The same, after its end."""
    run.status, run.conclusion = "completed", conclusion
    return run


async def reported(bot: Bot, run: Run, *, environment: str = "prod") -> None:
    """GitHub reports a run as it is now."""
    event = RunReported(
        service=run.service,
        environment=environment,
        run_id=run.id,
        run_attempt=run.attempt,
        branch=run.branch,
        source_revision=run.commit.sha,
        status=RunStatus(run.status),
        conclusion=run.conclusion,
        url=f"https://github.com/{bot.catalog.repository}/actions/runs/{run.id}",
        title=run.title,
        author=run.commit.login,
        actor=run.triggering_actor,
        started_at=run.started_at,
        updated_at=run.updated_at,
    )
    async with bot.database.transaction("cards") as connection:
        await releases.record(connection, event, environment=environment, now=bot.clock())


async def failed(bot: Bot, world: World, *, environment: str = "prod") -> Run:
    """A run that failed, and the bot knows."""
    run = over(begun(world, environment=environment))
    await reported(bot, run, environment=environment)
    return run
