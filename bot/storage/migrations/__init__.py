"""Schema migrations: `upgrade` brings a database to what this version of the bot needs.

Alembic runs inside the bot's own connection, so there is no second place that knows the address. On PostgreSQL an
advisory lock lets several processes start at once; on SQLite the write lock does the same.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.storage.engine import Database, lock


async def upgrade(database: Database) -> str:
    """Bring the schema to the newest revision and return its id; does nothing when it is there already."""
    async with database.transaction() as connection:
        await lock(connection, "migrations")
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))
    return head()


async def current(database: Database) -> str | None:
    """The revision the database is at, or None for an empty one."""
    async with database.reading() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def head() -> str:
    """The newest revision this version of the bot knows."""
    revision = ScriptDirectory(str(_HERE)).get_current_head()
    if revision is None:
        raise LookupError("the migrations have no head")
    return revision


_HERE = Path(__file__).parent


def config(connection: Connection) -> Config:
    """Alembic's configuration for a connection that is open already."""
    made = Config()
    made.set_main_option("script_location", str(_HERE))
    made.attributes["connection"] = connection
    return made
