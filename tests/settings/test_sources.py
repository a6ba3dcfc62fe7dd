"""Where settings are read from, and which of them wins."""

from pathlib import Path

import pytest

from bot import settings
from bot.settings import SettingsInvalid
from tests.settings.given import load, problems


def test_environment_before_dotenv_before_secret_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounted = tmp_path / "secrets"
    mounted.mkdir()
    for name in ("CHATOPS_DISCORD_TOKEN", "CHATOPS_ARGOCD_TOKEN", "CHATOPS_GITHUB_TOKEN"):
        (mounted / name).write_text("from-file\n")
    (tmp_path / ".env").write_text("CHATOPS_DISCORD_TOKEN=from-dotenv\nCHATOPS_ARGOCD_TOKEN=from-dotenv\nOTHER=1\n")

    loaded = load(
        monkeypatch,
        CHATOPS_SECRETS_DIR=str(mounted),
        CHATOPS_DISCORD_TOKEN="from-environment",
        CHATOPS_ARGOCD_TOKEN=None,
        CHATOPS_GITHUB_TOKEN=None,
    )

    assert loaded.discord_token.get_secret_value() == "from-environment"
    assert loaded.argocd_token.get_secret_value() == "from-dotenv"
    assert loaded.github_token is not None
    assert loaded.github_token.get_secret_value() == "from-file"


def test_mounted_secrets_are_found_without_being_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "CHATOPS_DISCORD_TOKEN").write_text("from-file")
    monkeypatch.setattr(settings, "MOUNTED_SECRETS", tmp_path)

    assert load(monkeypatch, CHATOPS_DISCORD_TOKEN=None).discord_token.get_secret_value() == "from-file"


def test_a_secret_that_cannot_be_read_is_named_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "CHATOPS_DISCORD_TOKEN").write_bytes(b"hunter2\xff")
    monkeypatch.setattr(settings, "MOUNTED_SECRETS", tmp_path)

    assert problems(monkeypatch, CHATOPS_DISCORD_TOKEN=None) == [
        'error getting value for field "discord_token" from source "SecretsSettingsSource"'
    ]


def test_a_secrets_directory_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, CHATOPS_SECRETS_DIR="/nonexistent") == ["CHATOPS_SECRETS_DIR: is not a directory"]


def test_whoever_has_only_the_database_is_asked_for_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "MOUNTED_SECRETS", tmp_path)
    assert settings.load_database_url() == "sqlite+aiosqlite:///./chatops.db"
    (tmp_path / "CHATOPS_DATABASE_URL").write_text("postgresql://file:pw@db/chatops\n")
    assert settings.load_database_url() == "postgresql+asyncpg://file:pw@db/chatops"
    (tmp_path / ".env").write_text("CHATOPS_DATABASE_URL=postgres://dotenv:pw@db/chatops\nCHATOPS_HTTP_PORT=none\n")
    assert settings.load_database_url() == "postgresql+asyncpg://dotenv:pw@db/chatops"
    monkeypatch.setenv("CHATOPS_DATABASE_URL", "mysql://hunter2@db")
    with pytest.raises(SettingsInvalid) as caught:
        settings.load_database_url()
    assert caught.value.problems == ("CHATOPS_DATABASE_URL: must start with sqlite:// or postgresql://",)
