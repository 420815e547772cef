"""Keep how people are told outside of the pages, when they proved to be there, and how far imports are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "notification_choice",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("rhythm", sa.String(length=8), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("here_at", sa.BigInteger(), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_notification_choice_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_notification_choice")),
    )
    with op.batch_alter_table("notification_choice", schema=None) as batch_op:
        batch_op.create_index("ix_notification_choice_look_at", ["look_at"], unique=False)

    op.create_table(
        "draft_progress",
        sa.Column("draft_id", sa.String(length=32), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_draft_progress")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proved_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("proved_at")
    op.drop_table("draft_progress")

    with op.batch_alter_table("notification_choice", schema=None) as batch_op:
        batch_op.drop_index("ix_notification_choice_look_at")

    op.drop_table("notification_choice")
