"""Which images ran well where: what a service can go back to; operations by place and state."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proofs",
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=128), nullable=False),
        sa.Column("seen_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("environment", "service", "tag", name=op.f("pk_proofs")),
    )
    op.create_index(op.f("ix_operations_environment_state"), "operations", ["environment", "state"])


def downgrade() -> None:
    op.drop_index(op.f("ix_operations_environment_state"), table_name="operations")
    op.drop_table("proofs")
