"""What is said of a reason while an operation goes on in spite of it: nobody is sent away, and nothing is over."""

from bot.domain.reasons import SENTENCES, Reason

HINDRANCES: dict[Reason, str] = {
    Reason.ARGOCD_UNREACHABLE: "Argo CD does not answer. The bot goes on asking.",
    Reason.GITHUB_UNREACHABLE: "GitHub does not answer. The bot goes on asking.",
    Reason.CLUSTER_UNREACHABLE: "The cluster does not answer. The bot goes on asking.",
    Reason.REGISTRY_UNREACHABLE: "The registry does not answer. The bot goes on asking.",
    Reason.REGISTRY_BUSY: "The registry limits how often it is asked. The bot waits.",
    Reason.GITHUB_LIMITED: "GitHub limits how often it is asked. The bot waits.",
    Reason.BRANCH_BUSY: "Others keep committing to the branch. The bot goes on trying.",
    Reason.COMMIT_UNKNOWN: "GitHub did not say whether the commit was made. The bot looks for it.",
    Reason.STOPPED: "Everything is stopped. This waits, and goes on after `/resume`.",
    Reason.OPERATION_IN_PROGRESS: "Another operation holds the Application. This one begins when that has ended.",
}
"""What is said of a reason while an operation goes on in spite of it; the others have one sentence for both."""


def hindrance(reason: Reason) -> str:
    """The sentence for what holds an operation up that is still open."""
    return HINDRANCES.get(reason, SENTENCES[reason])
