"""What Alembic runs: the steps, on the connection that `steps` hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from alembic import context

from iars_node.db import Instant
from iars_node.tables import metadata

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - any item
    """Write the project's own column types as what they are in the database.

    A step must go on meaning the same after the code around it has changed, so it names no class of ours.
    """
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    # SQLite can't alter a table in place: Alembic copies it.
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
