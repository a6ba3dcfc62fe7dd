"""Actions on resources, of which the bot uses one: a restart, over both versions of the API."""

from aiohttp import web

from sandbox.applications import Application
from sandbox.argocd_accounts import Account
from sandbox.gojson import Struct
from sandbox.manifests import Json
from sandbox.world import World

RUN = Struct(
    "ResourceActionRunRequestV2",
    {
        "name": str,
        "namespace": str,
        "resourceName": str,
        "version": str,
        "group": str,
        "kind": str,
        "action": str,
        "appNamespace": str,
        "project": str,
        "resourceActionParameters": [Struct("ResourceActionParameters", {"name": str, "value": str})],
    },
)
DEPLOYMENT = [{"name": "restart"}, {"name": "pause"}, {"name": "resume", "disabled": True}, {"name": "scale"}]


class NotInTree(Exception):
    """The Application has no such object; the text is Argo CD's."""


def run(world: World, app: Application, account: Account, body: Json) -> None:
    """Do what the request says. Raises NotInTree, and Denied with the text that names the account."""
    kind, group, name = (str(body.get(part, "")) for part in ("kind", "group", "resourceName"))
    account.require(f"action/{group}/{kind}/{body.get('action', '')}", f"{app.project}/{app.name}")
    namespace = world.namespaces[app.environment]
    if kind != "Deployment" or name not in namespace.deployments:
        raise NotInTree(f"{kind} {group} {name} not found as part of application {app.name}")
    namespace.restart(name)


def listed(app: Application, request: web.Request) -> Json:
    """The actions that an object has."""
    return {"actions": DEPLOYMENT if request.query.get("kind") == "Deployment" else []}
