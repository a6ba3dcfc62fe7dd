"""SQLite: no row of the audit trail is inserted in the place of another one.

`INSERT OR REPLACE` deletes the row that is there without asking its triggers. On PostgreSQL `ON CONFLICT DO UPDATE` is
an update to the trigger that is there already.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TRIGGER = (
    "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN NEW.id <= (SELECT max(id) FROM audit) "
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_TRIGGER)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_no_replace")
