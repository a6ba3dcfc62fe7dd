"""Which operations may have left a pull request open, so that nobody searches documents for it; an index by state."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_operations = sa.table(
    "operations", sa.column("kind"), sa.column("state"), sa.column("document"), sa.column("leftover", sa.Integer)
)


def upgrade() -> None:
    op.add_column("operations", sa.Column("leftover", sa.Integer(), nullable=True))
    document = _operations.c.document
    op.execute(
        _operations.update()
        .values(leftover=1)
        .where(
            _operations.c.kind.in_(("deploy", "rollback")),
            _operations.c.state.in_(("superseded", "refused", "failed")),
            # Quotes in texts are escaped, so these are found nowhere else.
            document.not_like('%"pull_closed":true%'),
            document.like('%"written":null%'),
            document.not_like('%"tag":null,"written":null%'),
        )
    )
    op.create_index(op.f("ix_operations_leftover_updated_at"), "operations", ["leftover", "updated_at"])
    # For a while the revision before this one made it.
    by_state = op.f("ix_operations_environment_state")
    op.create_index(by_state, "operations", ["environment", "state"], if_not_exists=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_operations_environment_state"), table_name="operations")
    op.drop_index(op.f("ix_operations_leftover_updated_at"), table_name="operations")
    op.drop_column("operations", "leftover")
