"""The closed list of reasons for a refusal or a failure.

A reason is a stable code (it stands in audit rows and metrics and may be relied on) with one sentence for a tired
person. Sentences never quote foreign text: what Argo CD or GitHub answered goes into the log.
"""

from bot.domain.codes import Reason

__all__ = ["ROLLOUT", "SENTENCES", "Reason", "Refused"]

ROLLOUT = frozenset({Reason.ROLLOUT_FAILED, Reason.ROLLOUT_TIMED_OUT, Reason.WRONG_IMAGE})
"""Why a deploy or a restart fails although everything was applied: the pods do not run it."""

SENTENCES: dict[Reason, str] = {
    Reason.WRONG_PLACE: "This bot takes orders only inside the server it was set up for.",
    Reason.NOT_A_PERSON: "Bots and webhooks cannot give orders.",
    Reason.MEMBERSHIP_PENDING: "Finish the server's membership screening first.",
    Reason.MISSING_ROLE: "You do not have a role that may do this.",
    Reason.NOBODY_CONFIGURED: "Nobody may do this: the topology file names no role for it.",
    Reason.UNKNOWN_ENVIRONMENT: "There is no such environment. Pick one from the list that appears as you type.",
    Reason.UNKNOWN_SERVICE: "There is no such service. Pick one from the list that appears as you type.",
    Reason.OWN_REQUEST: "You asked for this, or wrote or merged it, so somebody else has to look at it.",
    Reason.UNKNOWN_AUTHORS: (
        "Not everybody who wrote or merged this is known, so nobody can approve it. Those whom the card names belong "
        "into `identities` in the topology file; then, or if it names nobody, ask again."
    ),
    Reason.ALREADY_VOTED: "You have approved this already; another person is needed.",
    Reason.ALREADY_DECIDED: "This request has been decided already.",
    Reason.EXPIRED: "This request has expired. Ask again with `/deploy`.",
    Reason.SUPERSEDED: "A newer request took this one's place. Use the newest card.",
    Reason.REJECTED: "The request was rejected.",
    Reason.WITHDRAWN: "The request was withdrawn by the person who had asked.",
    Reason.NOT_YOUR_REQUEST: "Only the person who asked for this can withdraw it; whoever may approve can reject it.",
    Reason.OWN_GLASS: "You broke this glass yourself, so another person has to acknowledge it.",
    Reason.NOTHING_TO_REVIEW: "Nothing waits for a review here; somebody may have acknowledged it already.",
    Reason.CONTENT_CHANGED: (
        "What would be deployed is no longer what was shown, so nothing was deployed. Look again, and ask again "
        "with `/deploy`."
    ),
    Reason.CHANGED_SINCE: (
        "What would be deployed has changed since this was shown, so nothing was deployed. It is asked again, with the "
        "difference: use the newest card."
    ),
    Reason.NOTHING_TO_DEPLOY: "Git and the cluster already agree about this service, so there is nothing to deploy.",
    Reason.UNTRACEABLE_IMAGE: (
        "The image that Git asks for has a tag that names no commit, so nobody can say what would be deployed."
    ),
    Reason.AUTOMATED: "Argo CD deploys this environment by itself: push the change, or use `/refresh` to speed it up.",
    Reason.ALREADY_OPEN: "This is under way already. Its card says what it waits for.",
    Reason.OPERATION_IN_PROGRESS: "Another operation runs on this Application. Wait until it ends, then ask again.",
    Reason.WINDOW_CLOSED: "A sync window of the project forbids deploying now. Ask again when it opens.",
    Reason.NOT_ON_BRANCH: "The commit is not, or no longer, on the environment's branch, so nothing was deployed.",
    Reason.APPLICATION_CHANGED: (
        "The Application was recreated, or reads its manifests from elsewhere than when this was approved. Ask again."
    ),
    Reason.APPLICATION_DELETING: (
        "The Application is being deleted, so nothing was done. Ask again when it is back; if it is gone for good, "
        "take its environment out of the topology file."
    ),
    Reason.APPLICATION_MISSING: "Argo CD does not know this Application. See `python -m bot check`.",
    Reason.ARGOCD_FORBIDDEN: "The bot's Argo CD role may not do this. `python -m bot check` says what is missing.",
    Reason.ARGOCD_TOKEN: "Argo CD no longer accepts the bot's token. Give it a new one in CHATOPS_ARGOCD_TOKEN.",
    Reason.ARGOCD_UNREACHABLE: "Argo CD did not answer. Nothing was changed; try again when it is back.",
    Reason.ARGOCD_REFUSED: "Argo CD refused. The bot's log has its answer under the id below.",
    Reason.GITHUB_UNREACHABLE: "GitHub did not answer, so nothing was changed. Try again when it is back.",
    Reason.CLUSTER_UNREACHABLE: "The cluster did not answer, so nobody can say what its pods run.",
    Reason.SYNC_FAILED: "Argo CD could not apply the manifests. Open the Application for the resource that failed.",
    Reason.SYNC_TIMED_OUT: "Argo CD is still applying the manifests, far beyond its time. Look at the Application.",
    Reason.WRONG_REVISION: "Argo CD applied another commit than the approved one. Look at the Application now.",
    Reason.WRONG_IMAGE: (
        "Pods run another image than the approved one under the same tag: it was pushed again, or a node had an older "
        "one. Build it under a new tag, or roll back."
    ),
    Reason.ROLLOUT_FAILED: "The new pods do not run. Roll back, or fix it and push again.",
    Reason.ROLLOUT_TIMED_OUT: "The new pods were not ready in time. Look at the pods.",
    Reason.OUTCOME_UNKNOWN: (
        "The order may or may not have reached Argo CD, and it was not sent again. Look at the Application."
    ),
    Reason.OUT_OF_SIGHT: "The order was taken, but nobody could be asked how it went on. Look at the Application.",
    Reason.REVISION_UNKNOWN: "There is no such commit. Pick one from the list, or paste its id.",
    Reason.PROJECT_UNKNOWN: "The AppProject does not exist in Argo CD, or does not allow this Application.",
    Reason.DEPLOYMENT_MISSING: "The Application has no Deployment of this name. See `python -m bot check`.",
    Reason.HISTORY_GONE: "Argo CD no longer has an entry of its history with it.",
    Reason.HISTORY_AUTOMATED: "Argo CD syncs this environment by itself, and then it goes back to nothing.",
    Reason.CLUSTER_FORBIDDEN: "The cluster does not let the bot do this. `python -m bot check` says what is missing.",
    Reason.NO_PODS: "The service has no pods here. `/events` may say why.",
    Reason.NO_SUCH_POD: "That pod is gone; another one took its place. Ask again.",
    Reason.NO_PREVIOUS_LOG: "This container has not been restarted, so it has no earlier log. Ask without `previous`.",
    Reason.CONTAINER_UNKNOWN: "The pod has no such container. Pick one from the list that appears as you type.",
    Reason.CONTAINER_WAITING: "The container has not started, so it has no log yet. `/events` may say why.",
    Reason.HARD_REFRESH_LIMITED: (
        "A hard refresh has Argo CD render everything anew, so there is one in two minutes for each environment."
    ),
    Reason.COMPARISON_FAILED: (
        "Argo CD cannot render what Git asks for, so nobody can say what differs. Open the Application for its error."
    ),
    Reason.TERMINATED: "Somebody stopped the sync. What it had applied until then stays: look at the Application.",
    Reason.NOTHING_RUNNING: "No operation runs on this Application, so there is nothing to stop.",
    Reason.OPERATION_CHANGED: "The operation that was shown has ended, so nothing was stopped. Look again.",
    Reason.TERMINATE_TIMED_OUT: (
        "Argo CD was told to stop and has not stopped yet. One that waits for a sync window ends when the window opens."
    ),
    Reason.TAG_OF_ONE_SERVICE: "A tag belongs to one service at the newest commit. Name the service, and no revision.",
    Reason.TAG_UNKNOWN: "The registry has no image of this service with that tag. `/tags` shows those it has.",
    Reason.TAG_ASKED_FOR: "Git asks for this tag already. `/deploy` without a tag deploys what Git asks for.",
    Reason.NOT_NOTICED: "The tag is in Git, and Argo CD has not noticed the commit yet.",
    Reason.NOT_PROVEN: (
        "The service does not run healthy where the image is to come from, or nobody knows, so nothing is promoted."
    ),
    Reason.SAME_PLACE: "An image is promoted from one environment to another. Name two.",
    Reason.PULL_REQUEST_OPEN: "The pull request waits to be merged; the deploy goes on by itself then.",
    Reason.PULL_REQUEST_LATE: (
        "The pull request was not merged within a day, so nothing is deployed for it, and the bot closes it."
    ),
    Reason.PULL_REQUEST_CLOSED: "The pull request was closed without being merged, so nothing was deployed.",
    Reason.NOT_AUTOMATED: (
        "The topology file says that Argo CD syncs this environment by itself, and it does not. Nothing was written."
    ),
    Reason.TAG_MALFORMED: "That is not an image tag: letters, digits, `_`, `.` and `-`, at most 128 of them.",
    Reason.MANIFEST_UNREADABLE: "The kustomization.yaml of this environment cannot be read, so it was left as it is.",
    Reason.MANIFEST_UNUSUAL: (
        "The image's entry in kustomization.yaml is written in a way that cannot be changed safely. Change it by hand."
    ),
    Reason.IMAGE_NOT_LISTED: "The kustomization.yaml of this environment has no entry for this image under `images`.",
    Reason.IMAGE_AMBIGUOUS: (
        "More than one entry in kustomization.yaml decides about this image, so a new tag might change nothing."
    ),
    Reason.TAG_NOT_SET: "The image's entry in kustomization.yaml has no `newTag`. Add it by hand, once.",
    Reason.DIGEST_PINNED: (
        "The image's entry in kustomization.yaml has a digest, which decides what is pulled: a new tag would change "
        "nothing. Remove the digest by hand."
    ),
    Reason.FILE_MISSING: "The file is not on this branch, or GitHub does not show it to the bot.",
    Reason.BRANCH_MISSING: "There is no such branch on GitHub. Look at the environment's branch in the topology file.",
    Reason.BRANCH_PROTECTED: (
        "The branch is protected against direct commits. Let the topology say pull requests, or let the bot bypass it."
    ),
    Reason.BRANCH_BUSY: "Others kept committing to the branch, so nothing was written. Try again.",
    Reason.BRANCH_TAKEN: "The branch for this operation has commits of somebody else, so it was left alone.",
    Reason.COMMIT_UNKNOWN: (
        "GitHub did not say whether the commit was made, and it was not sent again. Look at the branch on GitHub."
    ),
    Reason.GITHUB_FORBIDDEN: (
        "GitHub does not let the bot do this. Look at the permissions of its App or token; `python -m bot check` says "
        "what is missing."
    ),
    Reason.GITHUB_LIMITED: "GitHub has had too many requests from the bot. Nothing was written; try again later.",
    Reason.GITHUB_REFUSED: "GitHub refused. The bot's log has its answer under the id below.",
    Reason.AUTO_MERGE_UNAVAILABLE: (
        "The pull request is open, but GitHub will not merge it by itself. Merge it by hand, or allow auto-merge in "
        "the settings."
    ),
    Reason.CANNOT_REVERT: "This commit cannot be reverted as one change. Write the earlier tag instead.",
    Reason.REVERT_CONFLICT: "What the commit changed was changed again later, so it cannot be reverted by itself.",
    Reason.ALREADY_REVERTED: "The branch already is as it was before this commit, so there is nothing to revert.",
    Reason.REVERT_WIDER: (
        "The commits changed more than the image of this service, so reverting them would too. Write the earlier tag "
        "instead."
    ),
    Reason.REVERT_BY_PULL_REQUEST: (
        "Nothing is reverted where changes go by pull request. Writing the earlier tag opens one."
    ),
    Reason.NOTHING_PROVEN: (
        "The bot has seen no other image of this service run well here. `/tags` shows what the registry has, and "
        "`/deploy` takes a tag."
    ),
    Reason.NOT_PROVEN_HERE: (
        "That image was not seen to run well here, so it is nothing to go back to. `/deploy` takes any tag."
    ),
    Reason.ROLLED_BACK_BEFORE: (
        "That release was itself rolled back. To go back to it all the same, confirm it in the form."
    ),
    Reason.ROLLBACK_INSTEAD: "A rollback of the service took its place.",
    Reason.REGISTRY_UNREACHABLE: "The registry did not answer, so nobody can say which images it has.",
    Reason.REGISTRY_BUSY: "The registry answers no more questions for now. Ask again in a minute.",
    Reason.REGISTRY_FORBIDDEN: "The registry does not let the bot read this. `python -m bot check` says more.",
    Reason.REGISTRY_REPOSITORY_UNKNOWN: "The registry has no such repository, or the bot may not see it.",
    Reason.RUN_UNKNOWN: "The bot knows no workflow run of this service. A push to a branch starts one.",
    Reason.RUN_GONE: "GitHub does not have this run any more. Push a commit, or start the workflow there.",
    Reason.RUN_IN_PROGRESS: "The run is still going on, and GitHub runs nothing again before its end.",
    Reason.RUN_OUTDATED: (
        "A newer commit of this service has been built since, and this run would put the older one in its place. "
        "Use the newest card."
    ),
    Reason.RERUN_ALREADY: "Somebody had this run again already. The card shows its newest attempt.",
    Reason.RERUN_LIMIT: (
        "GitHub runs a run again for 30 days, and 50 times at most, and this one is past that. "
        "Push a commit, or start the workflow on GitHub."
    ),
    Reason.RERUN_UNKNOWN: (
        "GitHub shows no new attempt of the run, and the order was not sent again. Look at the run on GitHub."
    ),
    Reason.NOTHING_FAILED: "No job of the run failed. With `everything` the whole run runs again.",
    Reason.VERSION_UNKNOWN: (
        "That is neither an environment nor a tag of the pipeline. Pick one from the list that appears as you type."
    ),
    Reason.RUNNING_UNKNOWN: "Which commit runs there is not known. `/status` shows what was read last.",
    Reason.COMMIT_GONE: "GitHub does not know the commit of that tag; its history may have been rewritten.",
    Reason.UNRELATED: "The two commits have no history in common, so nothing lies between them.",
    Reason.KUBECTL_MISSING: (
        "The bot has no kubectl, so nothing can be built. Install requirements/base.txt beside it, or put kubectl on "
        "its PATH."
    ),
    Reason.VALIDATION_BUSY: "Others have overlays built, one after the other. Ask again in a minute.",
    Reason.BUILD_TIMED_OUT: "Building and checking took too long and was stopped. Build it by hand to see why.",
    Reason.OVERLAY_MISSING: "At this commit the overlay has no kustomization.yaml, or more than one.",
    Reason.OVERLAY_TOO_BIG: (
        "The overlay is too big to be checked here: 500 files, 5 MiB, and 10 MiB when it is built are the most, with "
        "256 MiB of memory for it, and few nested aliases."
    ),
    Reason.OVERLAY_NOT_LOCAL: (
        "The overlay needs what is no file of the repository. The bot fetches nothing else and runs no plugin, so it "
        "was not built."
    ),
    Reason.LOCKED: "A deploy lock holds here, so nothing is deployed. Try again when it is gone.",
    Reason.LOCK_HELD: "Somebody else has locked this already.",
    Reason.LOCK_UNKNOWN: "There is no such lock. `/locks` shows those there are.",
    Reason.LOCK_UNREADABLE: (
        "A deploy lock here cannot be read, so nobody knows what it stops, and nothing is deployed or rolled back. "
        "`/locks` shows it; `/unlock` with a reason removes it."
    ),
    Reason.LOCK_PERIOD: "Write how long as `30m`, `2h` or `1d`, 30 days at most, or leave it out until you `/unlock`.",
    Reason.UNKNOWN_ACTION: "There is no such action. Pick one from the list that appears as you type.",
    Reason.OPERATION_UNKNOWN: (
        "There is no such operation, or not one that you may see. Pick one from the list that appears as you type."
    ),
    Reason.SINCE_UNREADABLE: "That is not a time to begin at: `30m`, `12h`, `7d`, or a day like `2026-01-31`.",
    Reason.FROZEN: "Nothing is deployed here for now: it is frozen. Going back with `/rollback` is always possible.",
    Reason.FREEZE_UNREADABLE: (
        "A freeze window here cannot be read, so nobody knows whether it is frozen and nothing is deployed. "
        "`/freeze list` shows it; remove it and add it again."
    ),
    Reason.FREEZE_UNKNOWN: "There is no such freeze window. Pick one from the list that appears as you type.",
    Reason.FREEZE_TIMES: (
        "Write times as `2026-12-24T18:00`: the start before the end, the end in the future, a year in between at most."
    ),
    Reason.FREEZE_CRON: (
        "That is not a cron expression with five fields that ever comes, such as `0 18 * * FRI` for Fridays at 18:00."
    ),
    Reason.FREEZE_SHAPE: (
        "A freeze has either an end (`until`) or an expression (`cron`) with how long it lasts (`for`, such as `14h`, "
        "30 days at most)."
    ),
    Reason.FREEZE_LIMIT: "There are 50 freeze windows in this environment already. Remove those that nobody needs.",
    Reason.ZONE_UNKNOWN: "There is no such time zone. Write it as `Asia/Seoul` or `Europe/Berlin`.",
    Reason.HOTFIX_INSTEAD: "A hot-fix of the service took its place.",
    Reason.STOPPED: "Everything is stopped, so nothing is done and nobody can approve until somebody uses `/resume`.",
    Reason.STOPPED_ALREADY: "Everything is stopped already.",
    Reason.NOT_STOPPED: "Nothing is stopped, so there is nothing to resume.",
    Reason.NO_REASON: "Say in a few words why; whoever reads the card or the audit table later will ask.",
    Reason.NOT_CONFIRMED: "What confirms it was not typed as shown, so nothing was done. Start again.",
    Reason.FAULT: "Something broke in the bot, again and again. Its log has more under the operation id below.",
    Reason.REFRESH_TIMED_OUT: (
        "Argo CD is still refreshing. It goes on by itself; `/status` shows when it compared last."
    ),
}


class Refused(Exception):
    """Something may not be done; `reason` says why, `detail` adds what only this case knows (trusted text).

    Where the detail is markdown for a private answer, `plainly` is what the audit trail keeps in its place, in words
    that need none. `log_id` is the id under which the log has what another system answered.
    """

    def __init__(self, reason: Reason, detail: str = "", *, log_id: str = "", plainly: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail
        self.log_id = log_id
        self.plainly = detail if plainly is None else plainly

    @property
    def sentence(self) -> str:
        """The sentence for people, with the detail of this case; one of several lines begins on a line of its own."""
        between = "\n" if "\n" in self.detail else " "
        return f"{SENTENCES[self.reason]}{between}{self.detail}".strip()
