"""Keep which records somebody opened within a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "opened_record",
        sa.Column("actor_id", sa.String(length=128), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "record_id", name=op.f("pk_opened_record")),
    )
    with op.batch_alter_table("opened_record", schema=None) as batch_op:
        batch_op.create_index("ix_opened_record_opened_at", ["actor_id", "opened_at"], unique=False)


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("opened_record", schema=None) as batch_op:
        batch_op.drop_index("ix_opened_record_opened_at")

    op.drop_table("opened_record")
