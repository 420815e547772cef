"""Note what a restored peer remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    with op.batch_alter_table("stream", schema=None) as batch_op:
        batch_op.add_column(sa.Column("remembered", sa.BigInteger(), nullable=True))
    op.execute("UPDATE stream SET remembered = number WHERE direction = 'in' AND closed_at IS NOT NULL")


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("stream", schema=None) as batch_op:
        batch_op.drop_column("remembered")
