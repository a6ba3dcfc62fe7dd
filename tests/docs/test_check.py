"""What the README shows of `python -m bot check` is what it says, of Discord and the stand-ins of everything else."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from discord import Permissions
from pydantic import SecretStr

from bot import check
from bot.check import Finding
from bot.settings import PACKAGED_TOPOLOGY, Settings
from bot.topology import Approval, Identity, load
from sandbox.argocd import Argocd
from sandbox.cluster import Cluster
from sandbox.github import Github
from sandbox.registry import Registry
from sandbox.world import World, with_clusters
from tests.docs.discord_rest import GUILD, RIGHTS, TOKEN, discord_rest
from tests.docs.pages import README, ROOT, block, section

TOPOLOGY = with_clusters(load(PACKAGED_TOPOLOGY)).model_copy(
    update={"identities": (Identity(discord=101, github="minji"), Identity(discord=102, github="hyunwoo"))}
)


@asynccontextmanager
async def everything_set_up(
    monkeypatch: pytest.MonkeyPatch,
    directory: Path,
    database_url: str,
    *,
    rights: int = RIGHTS,
    writers: Sequence[str] = (),
) -> AsyncIterator[Settings]:
    """The systems outside, and the settings that reach them."""
    world = World(TOPOLOGY)
    for login in writers:
        world.commit_source("ticket-service", branch="main", login=login, subject="fix: seats")
    roles = {id for held in TOPOLOGY.roles.values() for ids in held.values() for id in ids}
    channels = {"releases": TOPOLOGY.channels.releases, "alerts": TOPOLOGY.channels.alerts}
    async with (
        Argocd(world) as argocd,
        Github(world) as github,
        Cluster(world) as cluster,
        Registry(world.images) as registry,
        discord_rest(monkeypatch, channels=channels, roles={f"role {id}": id for id in roles}, rights=rights),
    ):
        yield Settings(
            discord_token=SecretStr(TOKEN),
            discord_guild_id=GUILD,
            argocd_url=argocd.url,
            argocd_token=SecretStr(argocd.token),
            argocd_webhook_token=(SecretStr("-"),),
            github_api_url=github.url,
            github_token=SecretStr(github.token),
            github_webhook_secret=(SecretStr("-"),),
            ci_oidc_audience="chatops",
            database_url=SecretStr(database_url),
            registry_url=registry.url,
            kubeconfig=cluster.write_kubeconfig(directory / "kubeconfig"),
        )


async def test_the_output_in_the_readme_is_what_check_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str
) -> None:
    text = block(section(README, "Set it up"), "text")
    shown = [re.split(r" {2,}", line.strip(), maxsplit=2) for line in text.strip().splitlines()[1:]]

    async with everything_set_up(monkeypatch, tmp_path, database_url) as settings:
        found = await check.everything(settings, TOPOLOGY)

    assert shown == [["ok" if finding.good else "wrong", finding.name, finding.text] for finding in found]


async def test_the_permissions_of_the_invitation_are_enough_and_none_is_too_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str
) -> None:
    invitation = re.search(r"permissions=(\d+)", (ROOT / "docs" / "set-up-discord.md").read_text())
    assert invitation
    asked = Permissions(int(invitation[1]))

    for missing in (None, *(name for name, given in asked if given)):
        rights = Permissions(asked.value)
        if missing:
            rights.update(**{missing: False})
        async with everything_set_up(monkeypatch, tmp_path, database_url, rights=rights.value) as settings:
            found = await check.everything(settings, TOPOLOGY)
        assert [finding.good for finding in found if finding.name == "Channel for releases"] == [missing is None]


async def test_what_is_wrong_is_said_with_where_to_set_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str
) -> None:
    async with everything_set_up(monkeypatch, tmp_path, database_url) as settings:
        wrong = settings.model_copy(
            update={"discord_token": SecretStr("old"), "argocd_token": SecretStr("a.b.c"), "ci_oidc_audience": None}
        )
        found = await check.everything(wrong, TOPOLOGY)

    bad = {finding.name: finding.text for finding in found if not finding.good}
    assert bad["Discord"] == "does not accept the token in CHATOPS_DISCORD_TOKEN"
    assert "CHATOPS_ARGOCD_TOKEN" in bad["Argo CD"]
    assert (
        Finding(
            name="Door /webhooks/ci",
            good=False,
            text="shut: set CHATOPS_CI_OIDC_AUDIENCE or CHATOPS_CI_TOKEN to open it",
        )
        in found
    )


async def test_who_writes_and_is_not_known_is_told_where_nobody_could_approve_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str
) -> None:
    octocat = Identity(discord=103, github="octocat")
    tell = Approval(unknown_authors="tell")
    prod = TOPOLOGY.environments["prod"]
    telling = TOPOLOGY.model_copy(
        update={"environments": TOPOLOGY.environments | {"prod": prod.model_copy(update={"approval": tell})}}
    )
    told, writers = [], ("Octocat", "dependabot[bot]", "hyunwoo")
    async with everything_set_up(monkeypatch, tmp_path, database_url, writers=writers) as settings:
        nobody = settings.model_copy(update={"github_token": SecretStr("old")})
        for given, topology in (
            (settings, TOPOLOGY.model_copy(update={"identities": ()})),
            (settings, telling.model_copy(update={"identities": ()})),
            (settings, TOPOLOGY.model_copy(update={"identities": TOPOLOGY.identities[:1]})),
            (settings, telling.model_copy(update={"identities": TOPOLOGY.identities[:1]})),
            (settings, TOPOLOGY.model_copy(update={"identities": (*TOPOLOGY.identities, octocat)})),
            (nobody, TOPOLOGY),
        ):
            found = await check.everything(given, topology)
            told += [(one.good, one.text) for one in found if one.name == "Identities"]

    known = "people known on both sides: "
    assert told == [
        (False, "empty: nobody can approve what people wrote or merged, in prod; list them in the topology file"),
        (False, "empty: people could approve their own; list them in the topology file"),
        (False, f"{known}1; nobody can approve what others wrote, lately hyunwoo, octocat"),
        (True, f"{known}1"),
        (True, f"{known}3"),
        (True, f"{known}2; GitHub does not tell who else writes"),
    ]
