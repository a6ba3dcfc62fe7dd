"""Where a test writes its topology."""

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test writes its topology: a relative path, so that messages read the same everywhere."""
    monkeypatch.chdir(tmp_path)
    return Path("topology.yaml")
