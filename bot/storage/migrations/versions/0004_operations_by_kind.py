"""Operations by place and kind, which are looked for at every read of an Application; audit rows by operation."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_operations_environment_kind"), "operations", ["environment", "kind"])
    op.create_index(op.f("ix_audit_operation_id"), "audit", ["operation_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_operation_id"), table_name="audit")
    op.drop_index(op.f("ix_operations_environment_kind"), table_name="operations")
