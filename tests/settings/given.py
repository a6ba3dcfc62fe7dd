"""The variables that the bot needs at least, and what comes of changing them."""

import pytest

from bot import settings
from bot.settings import Settings, SettingsInvalid

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOQIBAAJBAIIL\n-----END RSA PRIVATE KEY-----"
REQUIRED = {
    "CHATOPS_DISCORD_TOKEN": "discord-token-value",
    "CHATOPS_DISCORD_GUILD_ID": "100000000000000001",
    "CHATOPS_ARGOCD_URL": "https://argocd.example.com/",
    "CHATOPS_ARGOCD_TOKEN": "argocd-token-value",
    "CHATOPS_GITHUB_TOKEN": "github-token-value",
    "CHATOPS_GITHUB_WEBHOOK_SECRET": "webhook-secret-value",
}
APP = {
    "CHATOPS_GITHUB_APP_ID": "12",
    "CHATOPS_GITHUB_APP_PRIVATE_KEY": PEM,
    "CHATOPS_GITHUB_INSTALLATION_ID": "34",
}


def load(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> Settings:
    """Load with the required variables, some of them changed or (None) left out."""
    for name, value in (REQUIRED | changes).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return settings.load()


def problems(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(monkeypatch, **changes)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)
