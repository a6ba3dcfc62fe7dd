"""`check` says what is in order and what is missing, system by system."""

import pytest

from bot.adapters.argocd import ArgoCD
from bot.domain.catalog import Catalog
from tests.adapters.conftest import PROD, Scripted, connected

LOOKED_AT = ("tiketi-staging", PROD)
ALL_GOOD = [
    ("Argo CD", True, "v3.5.1+109ca7c, as proj:tiketi:chatops"),
    ("Application tiketi-staging", True, "readable; Argo CD syncs it by itself"),
    ("Application tiketi-prod", True, "readable, and may be synced"),
    ("Rights in Argo CD", True, "no more than the bot needs"),
]


async def test_everything_in_order(argocd: ArgoCD) -> None:
    assert await argocd.check(LOOKED_AT) == ALL_GOOD


async def test_a_right_that_is_missing_is_named(server: Scripted, catalog: Catalog) -> None:
    async with connected(server, catalog, token=server.accounts.issue("chatops", actions=("get",))) as argocd:
        assert await argocd.check(LOOKED_AT) == [
            *ALL_GOOD[:2],
            (
                "Application tiketi-prod",
                False,
                "readable, but the role lacks: applications, sync, tiketi/tiketi-prod, allow",
            ),
            ALL_GOOD[-1],
        ]


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (
            ("delete", "update"),
            "applications, update, tiketi/tiketi-prod; applications, delete, tiketi/tiketi-prod",
        ),
        (
            ("override",),
            "applications, override, tiketi/tiketi-prod "
            "(override stays only where argocd-cm has application.sync.requireOverridePrivilegeForRevisionSync)",
        ),
    ],
    ids=["to change", "to override"],
)
async def test_rights_that_the_bot_never_uses_are_too_many(
    server: Scripted, catalog: Catalog, actions: tuple[str, ...], told: str
) -> None:
    broad = server.accounts.issue("chatops", actions=("get", "sync", *actions))
    async with connected(server, catalog, token=broad) as argocd:
        found = await argocd.check([PROD])
    assert found[-1] == ("Rights in Argo CD", False, f"more than the bot needs; take from the role: {told}")
    assert found[:-1] == [ALL_GOOD[0], ALL_GOOD[2]]


async def test_a_token_that_is_not_accepted(argocd: ArgoCD, server: Scripted) -> None:
    server.accounts.revoke(server.token)
    assert await argocd.check(LOOKED_AT) == [
        ("Argo CD", False, "v3.5.1+109ca7c, as nobody: the token in CHATOPS_ARGOCD_TOKEN is not accepted")
    ]


async def test_applications_that_are_missing_or_forbidden(server: Scripted, catalog: Catalog) -> None:
    narrow = server.accounts.issue("chatops", actions=("get", "sync"), applications="tiketi-d*")
    async with connected(server, catalog, token=narrow) as argocd:
        found = await argocd.check(["tiketi-dev", "tiketi-demo", PROD])
    assert [(name, good, text.partition(" (")[0]) for name, good, text in found] == [
        ("Argo CD", True, "v3.5.1+109ca7c, as proj:tiketi:chatops"),
        ("Application tiketi-dev", True, "readable; Argo CD syncs it by itself"),
        ("Application tiketi-demo", False, "does not exist in this project"),
        ("Application tiketi-prod", False, "the role lacks: applications, get"),
        ("Rights in Argo CD", True, "no more than the bot needs"),
    ]


async def test_nobody_there(argocd: ArgoCD, server: Scripted) -> None:
    server.faults.status = 503
    ((name, good, text),) = await argocd.check(LOOKED_AT)
    assert (name, good) == ("Argo CD", False)
    assert text.startswith("does not answer; see CHATOPS_ARGOCD_URL (503: ")
