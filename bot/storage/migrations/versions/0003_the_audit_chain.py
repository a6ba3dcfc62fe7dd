"""The audit chain: who acted in which role, what about, and the hash that ties each row to the one before it.

Rows from before are numbered without gaps and chained in their order. From here on the database refuses to change or
delete a row. How a row is hashed is written out here, because a migration must not follow the code as it changes.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OLD = ("at", "actor", "action", "environment", "service", "operation_id", "outcome", "reason", "detail")
_BATCH = 1000
_REFUSAL = "the audit trail is append-only"
_SQLITE = [
    f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for verb in ("UPDATE", "DELETE")
]
_POSTGRESQL = [
    "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
]


def upgrade() -> None:
    op.add_column("audit", sa.Column("roles", sa.Text(), nullable=True))
    op.add_column("audit", sa.Column("correlation", sa.String(length=160), nullable=True))
    op.add_column("audit", sa.Column("digest", sa.String(length=64), nullable=True))
    op.add_column("audit", sa.Column("previous", sa.String(length=64), nullable=True))
    op.add_column("audit", sa.Column("hash", sa.String(length=64), nullable=True))
    _chain(op.get_bind())
    with op.batch_alter_table("audit") as batch:
        batch.alter_column("previous", existing_type=sa.String(length=64), nullable=False)
        batch.alter_column("hash", existing_type=sa.String(length=64), nullable=False)
    op.create_index(op.f("ix_audit_environment_id"), "audit", ["environment", "id"], unique=False)
    op.create_index(op.f("ix_audit_actor_id"), "audit", ["actor", "id"], unique=False)
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_append_only ON audit")
        op.execute("DROP FUNCTION audit_append_only()")
    else:
        op.execute("DROP TRIGGER audit_no_update")
        op.execute("DROP TRIGGER audit_no_delete")
    op.drop_index(op.f("ix_audit_actor_id"), table_name="audit")
    op.drop_index(op.f("ix_audit_environment_id"), table_name="audit")
    with op.batch_alter_table("audit") as batch:
        for name in ("roles", "correlation", "digest", "previous", "hash"):
            batch.drop_column(name)


def _chain(connection: sa.Connection) -> None:
    """Number and hash the rows that are there, from the oldest; a new number is never greater than the old one."""
    table = sa.table("audit", *(sa.column(name) for name in ("id", *_OLD, "previous", "hash")))
    change = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("old"))
        .values(id=sa.bindparam("new"), previous=sa.bindparam("before"), hash=sa.bindparam("own"))
    )
    last, number, previous = 0, 0, "0" * 64
    while True:
        statement = sa.select(table.c.id, *(table.c[name] for name in _OLD)).where(table.c.id > last)
        rows = connection.execute(statement.order_by(table.c.id).limit(_BATCH)).mappings().all()
        if not rows:
            return
        changes = []
        for row in rows:
            number, last = number + 1, row["id"]
            content = {"id": number, "previous": previous, **{name: row[name] for name in _OLD}}
            content = {name: value for name, value in content.items() if value is not None}
            own = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
            changes.append({"old": last, "new": number, "before": previous, "own": own})
            previous = own
        connection.execute(change, changes)
