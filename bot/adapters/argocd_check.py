"""What the token may and must not do, asked of Argo CD itself and not tried.

`account/can-i` answers for one action at a time. It cannot be asked about resource actions such as a restart: their
rights show when they are used. Nor does Argo CD tell a token whether it wants `override` for a sync of a commit.
"""

from collections.abc import Iterable
from urllib.parse import quote

from bot.adapters import argocd_values
from bot.adapters.argocd_errors import ArgocdError, Forbidden, Missing, TokenRejected
from bot.adapters.argocd_http import Transport

Finding = tuple[str, bool, str]
"""Name, whether it is in order, and what was found or is missing."""

_ON_APPLICATIONS = (("applications", ("create", "update", "delete", "override")), ("exec", ("create",)))
_ON_OTHERS = (("projects", ("create", "update")), ("repositories", ("create",)), ("clusters", ("create",)))
_OVERRIDE = " (override stays only where argocd-cm has application.sync.requireOverridePrivilegeForRevisionSync)"
_COMPLAINTS: dict[type[ArgocdError], str] = {
    TokenRejected: "does not accept the token in CHATOPS_ARGOCD_TOKEN",
    Forbidden: "the role lacks: applications, get",
    Missing: "does not exist in this project",
}


async def check(http: Transport, applications: Iterable[str], *, project: str) -> list[Finding]:
    """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
    names = tuple(applications)
    try:
        version = await http.get("version", call="version")
        user = await http.get("v1/session/userinfo", call="userinfo")
    except ArgocdError as error:
        return [("Argo CD", False, _complaint(error))]
    name = f"{version.get('Version') or 'unknown version'}, as {user.get('username') or 'nobody'}"
    if user.get("loggedIn") is not True:
        return [("Argo CD", False, f"{name}: the token in CHATOPS_ARGOCD_TOKEN is not accepted")]
    found = [await _application(http, application, project=project) for application in names]
    return [("Argo CD", True, name), *found, await _rights(http, names, project=project)]


async def _application(http: Transport, application: str, *, project: str) -> Finding:
    title, policy = f"Application {application}", f"{project}/{application}"
    try:
        path = f"v1/applications/{quote(application, safe='')}"
        found = await http.get(path, call="application", query={"project": project})
        may_sync = await _may(http, "applications", "sync", policy)
    except ArgocdError as error:
        return title, False, _complaint(error)
    if argocd_values.is_automated(found):
        return title, True, "readable; Argo CD syncs it by itself"
    if not may_sync:
        return title, False, f"readable, but the role lacks: applications, sync, {policy}, allow"
    return title, True, "readable, and may be synced"


async def _rights(http: Transport, applications: Iterable[str], *, project: str) -> Finding:
    """Whether the token may do what the bot never does: whoever steals it could."""
    asked = [
        (kind, action, f"{project}/{name}")
        for name in applications
        for kind, actions in _ON_APPLICATIONS
        for action in actions
    ]
    asked += [(kind, action, project if kind == "projects" else "*") for kind, what in _ON_OTHERS for action in what]
    try:
        granted = [", ".join(right) for right in asked if await _may(http, *right)]
    except ArgocdError as error:
        return "Rights in Argo CD", False, _complaint(error)
    if granted:
        unless = _OVERRIDE if any(right.startswith("applications, override,") for right in granted) else ""
        return "Rights in Argo CD", False, f"more than the bot needs; take from the role: {'; '.join(granted)}{unless}"
    return "Rights in Argo CD", True, "no more than the bot needs"


async def _may(http: Transport, kind: str, action: str, policy: str) -> bool:
    answer = await http.get(f"v1/account/can-i/{kind}/{action}/{quote(policy)}", call="can-i")
    return answer.get("value") == "yes"


def _complaint(error: ArgocdError) -> str:
    return f"{_COMPLAINTS.get(type(error), 'does not answer; see CHATOPS_ARGOCD_URL')} ({error.log})"
