"""What is expected to be read: the parts that the cards of one release share, and the order that Argo CD must get."""

from typing import Any

from sandbox.images import Image
from sandbox.pipeline import Ran
from sandbox.scene import Scene
from tests.journeys.seeing import GAP

MAY_NOT = "You do not have a role that may do this. prod:approve belongs to **@Release manager**."
DECIDED = "This request has been decided already."
APPROVED = "The bot checks once more that nothing has changed, then syncs exactly this."


def web(scene: Scene) -> str:
    """Where the repository can be looked at."""
    return f"{scene.github.url}/{scene.topology.repository}"


def behind(image: Image | None) -> str:
    """What stands after the tag of an image that people consent to: the beginning of its digest."""
    assert image is not None
    return f" @ `{image.digest.removeprefix('sha256:')[:12]}`"


def change(scene: Scene, ran: Ran, *, subject: str, author: str, old: str) -> str:
    """The first paragraph: what is being deployed, and which images. Production waits for consent to exactly one."""
    url, sha = web(scene), ran.source.sha
    image = behind(ran.image) if ran.environment == "prod" else ""
    return (
        f"[{subject}]({url}/commit/{sha}) by {author}\n"
        f"`{old}` →\n"
        f"`{ran.tag}`{image} · [compare]({url}/compare/{old[:7]}...{sha})"
    )


def pipeline(scene: Scene, ran: Ran) -> str:
    """The lines of a pipeline that went well, with what the scan found."""
    assert ran.manifest is not None
    sha = ran.manifest.sha
    return (
        "✅ **Build** ⏱\n"
        "⚠️ **Scan** ⏱ · 2 high\n"
        f"✅ **Push** ⏱ · `{ran.tag}`\n"
        f"✅ **Manifest** ⏱ · [{sha[:7]}]({web(scene)}/commit/{sha})"
    )


def text(*paragraphs: str) -> str:
    """Paragraphs as a card sets them apart."""
    return GAP.join(paragraphs)


def order(scene: Scene, revision: str, *, operation: str, asked: str, approved: str, service: str) -> dict[str, Any]:
    """The body of the one request that changes production."""
    infos = {
        "chatops.request-id": operation,
        "chatops.requested-by": f"discord:{scene.town.people[asked].id}",
        "chatops.approved-by": f"discord:{scene.town.people[approved].id}",
    }
    return {
        "project": "tiketi",
        "revision": revision,
        "prune": False,
        "dryRun": False,
        "strategy": {"hook": {"force": False}},
        "resources": [{"group": "apps", "kind": "Deployment", "name": service, "namespace": "tiketi"}],
        "retryStrategy": {"limit": 0},
        "infos": [{"name": name, "value": value} for name, value in infos.items()],
    }


HELP = "\n".join(
    (
        "`/audit` · environment · member · action · since · operation · service",
        "Who did what, where, when, and what came of it",
        "`/can member: action: environment:` · service",
        "Whether somebody may do something somewhere at this moment, and why",
        "`/compare service: from: to:`",
        "Commits and pull requests between two tags, or between two environments",
        "`/deploy environment: service:` · revision · tag · hotfix",
        "Ask to deploy what Git wants; the card shows what would change",
        "`/diff environment:` · service",
        "What a sync would change, object by object, without the values of secrets",
        "`/events environment:` · service",
        "What Kubernetes and Argo CD noticed, newest last",
        "`/freeze add environment: reason:` · service · from · until · cron · for · zone",
        "Refuse deploys until a moment, or again and again by cron",
        "`/freeze list`",
        "What is frozen or will be, until when, by whom and why",
        "`/freeze remove freeze:` · reason",
        "Remove a freeze",
        "`/help`",
        "What I can do, and what you may do",
        "`/history environment:` · service",
        "What was deployed, when, who asked and who approved",
        "`/lock environment: reason:` · service · for · rollbacks · take_over",
        "Keep deploys away from an environment or one service, with a reason",
        "`/locks`",
        "What is locked, by whom, since and until when, and why",
        "`/logs environment: service:` · previous · container · lines · grep",
        "The last lines that the worst pod of a service logged; secrets are hidden",
        "`/pods environment:` · service",
        "Every pod with its state, restarts, node, age and image; the worst one first",
        "`/promote service:` · from · to · hotfix",
        "Ask to deploy the image that another environment runs, healthy",
        "`/refresh environment:` · hard",
        "Have Argo CD compare Git and the cluster now",
        "`/registry check`",
        "Whether the pipeline can push, and whether a rule deletes what runs",
        "`/rerun service:` · environment · everything",
        "Run the failed jobs of a service's newest workflow run again",
        "`/restart environment: service:`",
        "Replace every pod of a service, one after the other, with the same image",
        "`/resume`",
        "Let everything go on after /stop",
        "`/rollback environment: service:` · to",
        "Where a service can go back to, and how; nothing happens before you choose",
        "`/status` · environment · service",
        "What runs, what should run, and what is going on",
        "`/stop`",
        "Hold everything that I would do, in every environment, until /resume",
        "`/tags service:` · environment",
        "The newest images of a service, who uses them, and what does not agree",
        "`/terminate environment:`",
        "Stop the operation that runs on an Application",
        "`/unlock environment:` · service · reason",
        "Remove a deploy lock",
        "`/validate environment:` · revision",
        "Build an environment's overlay with kustomize and check it; nothing is changed",
        "`/why operation:`",
        "What an operation went through, and why it ended as it did or does not go on",
        "`/windows environment:`",
        "Whether a sync is possible now, and the sync windows that decide it",
    )
)
"""What /help says of the commands."""
