"""Which registry is asked, and how, follows from the topology and the settings."""

from importlib.util import find_spec

import pytest
from pydantic import SecretStr

from bot import connections, loading
from bot.adapters.registry_ecr import EcrRegistry
from bot.adapters.registry_oci import OciRegistry
from bot.settings import PACKAGED_TOPOLOGY, Settings, SettingsInvalid
from bot.topology import load

TOPOLOGY = load(PACKAGED_TOPOLOGY)


def settings(**changes: object) -> Settings:
    """The settings that are needed, and these."""
    given = {
        "discord_token": SecretStr("-"),
        "discord_guild_id": 1,
        "argocd_url": "http://127.0.0.1:9",
        "argocd_token": SecretStr("-"),
        "github_token": SecretStr("-"),
        "github_webhook_secret": (SecretStr("-"),),
    }
    return Settings.model_validate(given | changes)


@pytest.mark.parametrize(
    ("host", "url", "kind", "path"),
    [
        (TOPOLOGY.registry, None, EcrRegistry, ""),
        (TOPOLOGY.registry, "http://127.0.0.1:9", OciRegistry, "/v2/tiketi-backend"),
        ("ghcr.io/acme", None, OciRegistry, "/v2/acme/tiketi-backend"),
        ("registry.example.com:5000", None, OciRegistry, "/v2/tiketi-backend"),
    ],
)
async def test_the_registry_follows_from_the_host(host: str, url: str | None, kind: type, path: str) -> None:
    place = TOPOLOGY.model_copy(update={"registry": host})
    outside = connections.build(settings(registry_url=url), place)
    found = outside.registry
    assert type(found) is kind
    if isinstance(found, OciRegistry):
        assert found._path("tiketi-backend") == path
        assert str(found._transport.url) == f"{url or 'https://' + host.partition('/')[0]}/"
    await outside.aclose()


def test_ecr_without_its_client_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    loading.require_client(settings(), TOPOLOGY)
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "boto3" else find_spec(name))
    with pytest.raises(SettingsInvalid) as caught:
        loading.require_client(settings(), TOPOLOGY)
    assert caught.value.problems == (
        "CHATOPS_REGISTRY_URL: is not set, so the registry is Amazon ECR, and what reads it is not installed: "
        "install requirements/ecr.txt, or the extra `ecr`",
    )
    loading.require_client(settings(registry_url="http://127.0.0.1:9"), TOPOLOGY)
    loading.require_client(settings(), TOPOLOGY.model_copy(update={"registry": "ghcr.io/acme"}))
