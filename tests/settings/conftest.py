"""What every test of the settings begins with."""

from pathlib import Path

import pytest

from bot import settings
from bot.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable, no `.env` and no mounted secrets of the machine that runs the test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CHATOPS_{name.upper()}", raising=False)
    monkeypatch.delenv("CHATOPS_SECRETS_DIR", raising=False)
    monkeypatch.setattr(settings, "MOUNTED_SECRETS", tmp_path / "absent")
    monkeypatch.chdir(tmp_path)
