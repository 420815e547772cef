"""Every query about retention rules and what they give up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from iars_node.cases.model import OWN
from iars_node.cases.tables import case_content, case_file
from iars_node.retention.model import ANY_REASON, Due, Rule
from iars_node.retention.tables import retention_rule

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection


def rules(connection: Connection) -> list[Rule]:
    """Return every rule, by scope and closure reason."""
    ordered = select(retention_rule).order_by(retention_rule.c.scope, retention_rule.c.closure_reason)
    return [Rule(**row) for row in connection.execute(ordered).mappings()]


def find(connection: Connection, scope: str, closure_reason: str) -> Rule | None:
    """Return the rule of a scope and closure reason."""
    return next(
        (each for each in rules(connection) if (each.scope, each.closure_reason) == (scope, closure_reason)),
        None,
    )


def put(connection: Connection, new: Rule) -> None:
    """Write a rule in place of the earlier one."""
    remove(connection, new.scope, new.closure_reason)
    values = {name: getattr(new, name) for name in Rule.__dataclass_fields__}
    connection.execute(insert(retention_rule).values(values))


def remove(connection: Connection, scope: str, closure_reason: str) -> bool:
    """Remove a rule; say whether there was one."""
    column = retention_rule.c
    wanted = (column.scope == scope) & (column.closure_reason == closure_reason)
    return connection.execute(delete(retention_rule).where(wanted)).rowcount > 0


def due(  # noqa: PLR0913 - what narrows it is said by name
    connection: Connection,
    rule: Rule,
    *,
    specific: Collection[str],
    now: datetime,
    limit: int,
    beyond: Collection[tuple[str, str]] = (),
) -> list[Due]:
    """Return what a rule gives up, the longest closed first.

    `specific` are the closure reasons for which the scope has rules of their own; `beyond` is passed over.
    """
    held_back = [case_id for case_id, scope in beyond if scope == rule.scope]
    conditions = [
        case_file.c.closed_at <= now - rule.length,
        case_content.c.scope == rule.scope,
        case_content.c.source == OWN,
        case_content.c.erased_at.is_(None),
    ]
    if rule.closure_reason == ANY_REASON:
        conditions.append(case_file.c.closure_reason.not_in(list(specific)))
    else:
        conditions.append(case_file.c.closure_reason == rule.closure_reason)
    if held_back:
        conditions.append(case_file.c.id.not_in(held_back))
    columns = (case_file.c.id, case_file.c.reference, case_file.c.closure_reason, case_file.c.closed_at)
    rows = connection.execute(
        select(*columns)
        .join(case_content, case_content.c.case_id == case_file.c.id)
        .where(*conditions)
        .order_by(case_file.c.closed_at, case_file.c.id)
        .limit(limit)
    )
    return [_due(row, rule) for row in rows]


def _due(row: Any, rule: Rule) -> Due:  # noqa: ANN401 - a row of the query above
    return Due(
        row.id,
        row.reference,
        rule.scope,
        row.closure_reason,
        rule.days,
        row.closed_at,
        row.closed_at + rule.length,
    )
