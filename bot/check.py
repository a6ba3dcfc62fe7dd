"""`python -m bot check`: reaches every system the bot will need, and says what is wrong with each.

Nothing is changed anywhere: the rights are probed by asking, not by trying.
"""

import asyncio
from dataclasses import dataclass

from bot import connections
from bot.adapters import github_check, github_people, kustomize
from bot.adapters.argocd import ArgoCD
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.chat import check as chat_check
from bot.domain.catalog import MAIN, Catalog
from bot.settings import Settings
from bot.storage import migrations
from bot.storage.engine import Database
from bot.topology import Topology

_LATELY = 100
"""How many of a branch's newest commits tell who writes."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `text` says what was found, or what is missing and where to set it."""

    name: str
    good: bool
    text: str


async def everything(settings: Settings, topology: Topology) -> list[Finding]:
    """Every finding, grouped by system; the systems are asked at the same time."""
    outside = connections.build(settings, topology)
    catalog = topology.catalog()
    try:
        groups = await asyncio.gather(
            _discord(settings, topology),
            *(_argocd(name, argocd, catalog) for name, argocd in outside.argocds.items()),
            outside.github.check(),
            github_check.check(
                outside.github, pull_requests=any(place.pull_requests for place in catalog.environments.values())
            ),
            outside.clusters.check(catalog.environments.values()),
            outside.registry.check([service.image for service in catalog.services.values()]),
            kustomize.check(),
            _database(settings),
            _identities(catalog, outside.github),
        )
    finally:
        await outside.aclose()
    found = [Finding(name=name, good=good, text=text) for group in groups for name, good, text in group]
    return [*found, *_doors(settings)]


async def _discord(settings: Settings, topology: Topology) -> list[tuple[str, bool, str]]:
    return await chat_check.check(
        settings.discord_token.get_secret_value(),
        guild_id=settings.discord_guild_id,
        channels={use: channel for use, channel in topology.channels if channel is not None},
        roles={role for held in topology.roles.values() for roles in held.values() for role in roles},
    )


async def _argocd(name: str, argocd: ArgoCD, catalog: Catalog) -> list[tuple[str, bool, str]]:
    """The findings of one Argo CD, with its name where it is not the one of the settings."""
    places = [place.application for place in catalog.environments.values() if place.argocd == name]
    suffix = "" if name == MAIN else f" ({name})"
    return [(f"{title}{suffix}", good, text) for title, good, text in await argocd.check(places)]


async def _database(settings: Settings) -> list[tuple[str, bool, str]]:
    database = Database(settings.database_url.get_secret_value())
    try:
        async with asyncio.timeout(10):
            revision = await migrations.current(database)
    except Exception as error:
        # A driver raises what it likes; here every failure is a finding, and its kind is what helps.
        return [("Database", False, f"does not answer ({type(error).__name__}): see CHATOPS_DATABASE_URL")]
    finally:
        await database.close()
    if revision == migrations.head():
        return [("Database", True, f"at schema {revision}")]
    return [
        ("Database", True, f"at schema {revision or 'nothing'}; the bot brings it to {migrations.head()} at its start")
    ]


async def _identities(catalog: Catalog, github: GitHub) -> list[tuple[str, bool, str]]:
    """Whether a person who pushes can be recognised when the same person presses Approve, and who cannot."""
    deciding = [place for place in catalog.environments.values() if place.required_approvals]
    strict = [place for place in deciding if place.refuse_unknown]
    known = f"people known on both sides: {len(catalog.logins)}"
    if not deciding:
        return []
    if not catalog.logins:
        where = ", ".join(place.name for place in strict)
        what = (
            f"nobody can approve what people wrote or merged, in {where}"
            if strict
            else "people could approve their own"
        )
        return [("Identities", False, f"empty: {what}; list them in the topology file")]
    try:
        found = [await github_people.touched(github, path="", revision=one.branch, limit=_LATELY) for one in strict]
    except GithubError:
        return [("Identities", True, f"{known}; GitHub does not tell who else writes")]
    missing = catalog.unmapped(login for commits in found for one in commits for login in one.people.logins)
    if not missing:
        return [("Identities", True, known)]
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    names = f"{', '.join(missing[:_NAMED])}{more}"
    return [("Identities", False, f"{known}; nobody can approve what others wrote, lately {names}")]


def _doors(settings: Settings) -> list[Finding]:
    """Which webhooks would be let in."""
    ci = settings.ci_oidc_audience is not None or bool(settings.ci_token)
    doors = {
        "/webhooks/argocd": (bool(settings.argocd_webhook_token), "set CHATOPS_ARGOCD_WEBHOOK_TOKEN"),
        "/webhooks/ci": (ci, "set CHATOPS_CI_OIDC_AUDIENCE or CHATOPS_CI_TOKEN"),
    }
    return [
        Finding(name=f"Door {path}", good=is_open, text="open" if is_open else f"shut: {hint} to open it")
        for path, (is_open, hint) in doors.items()
    ]
