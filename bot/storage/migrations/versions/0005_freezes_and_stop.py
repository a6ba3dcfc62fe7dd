"""Freeze windows, and the kill switch."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "freezes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("standing", sa.Integer(), nullable=False),
        sa.Column("told_until", sa.String(length=32), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freezes")),
    )
    op.create_index(op.f("ix_freezes_standing_environment"), "freezes", ["standing", "environment"])
    op.create_table(
        "stops",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("standing", sa.Integer(), nullable=True),
        sa.Column("since", sa.String(length=32), nullable=False),
        sa.Column("nags", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stops")),
        sa.UniqueConstraint("standing", name=op.f("uq_stops_standing")),
    )


def downgrade() -> None:
    op.drop_table("stops")
    op.drop_index(op.f("ix_freezes_standing_environment"), table_name="freezes")
    op.drop_table("freezes")
