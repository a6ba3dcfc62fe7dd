"""What Alembic runs for every command: the migrations, in the connection that the caller opened."""

from typing import Any, Literal

from alembic import context

from bot.storage.schema import Moment, metadata


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations are history: they must not import a type that may change, so a moment is the text it is stored as."""
    return f"sa.String({item.impl.length})" if kind == "type" and isinstance(item, Moment) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
