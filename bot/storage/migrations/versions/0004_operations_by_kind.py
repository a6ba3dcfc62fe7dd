"""Operations by place and kind: rollbacks and deploys are looked for at every read of an Application."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_operations_environment_kind"), "operations", ["environment", "kind"])


def downgrade() -> None:
    op.drop_index(op.f("ix_operations_environment_kind"), table_name="operations")
