"""Searching the blind words. Only ids come from here; what a page shows is opened by its caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, not_, or_, select, text

from iars_node.cases.store.heads import filter_conditions
from iars_node.cases.tables import case_file, search_word

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause

    from iars_node.cases.model import Filters
    from iars_node.cases.store.words import Key


_COUNTED_UP_TO = 5000
_FEW = 5
_PLAN_FOR_THESE_WORDS = text("SET LOCAL plan_cache_mode = force_custom_plan")


@dataclass(frozen=True, slots=True)
class Term:
    """One word that was asked for: the keys of the word itself, and those of what sounds like it."""

    exact: frozenset[Key]
    alike: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the finds are wanted: those that the filters let through, after an id, so many."""

    filters: Filters
    after: str
    limit: int


def any_has(connection: Connection, term: Term) -> bool:
    """Say whether any case has the word itself."""
    return (
        connection.execute(select(search_word.c.case_id).where(_matches(term.exact)).limit(1)).first()
        is not None
    )


def find_exact(connection: Connection, terms: Sequence[Term], window: Window) -> list[str]:
    """Return ids of cases that have every word itself, in the order of ids."""
    return _find(connection, [term.exact for term in terms], [], window)


def find_alike(connection: Connection, terms: Sequence[Term], window: Window) -> list[str]:
    """Return ids of cases where every word sounds alike and not every word is the same."""
    exact = [term.exact for term in terms]
    return _find(connection, [term.alike or term.exact for term in terms], exact, window)


def sharing(connection: Connection, keys: Collection[Key], least: int, limit: int) -> dict[str, int]:
    """Return cases that share at least so many of the keys, the most first."""
    shared = func.count(search_word.c.blind.distinct())
    query = (
        select(search_word.c.case_id, shared)
        .where(_matches(keys))
        .group_by(search_word.c.case_id)
        .having(shared >= least)
        .order_by(shared.desc(), search_word.c.case_id)
        .limit(limit)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def cases_by_key(connection: Connection, keys: Collection[Key]) -> list[tuple[Key, str]]:
    """Return which cases have which of the keys."""
    columns = search_word.c.column, search_word.c.blind, search_word.c.case_id
    rows = connection.execute(select(*columns).where(_matches(keys)).distinct())
    return [((column, bytes(blind)), case_id) for column, blind, case_id in rows]


def sharing_pairs(
    connection: Connection, columns: Collection[str], after: tuple[str, str], limit: int
) -> list[tuple[str, str, str]]:
    """Return pairs of cases that share a word of a column, with the column, in the order of their ids.

    What more than a few cases share, such as a shelter's phone, tells nobody apart and is left out.
    """
    one, other, word = search_word.alias("one"), search_word.alias("other"), search_word
    few = func.count(word.c.case_id.distinct()).between(2, _FEW)
    shared = (
        select(word.c.column, word.c.blind)
        .where(word.c.column.in_(columns))
        .group_by(word.c.column, word.c.blind)
        .having(few)
        .subquery()
    )
    is_one = and_(one.c.column == shared.c.column, one.c.blind == shared.c.blind)
    is_other = and_(
        other.c.column == shared.c.column, other.c.blind == shared.c.blind, other.c.case_id > one.c.case_id
    )
    later = or_(one.c.case_id > after[0], and_(one.c.case_id == after[0], other.c.case_id > after[1]))
    query = (
        select(one.c.case_id, other.c.case_id, shared.c.column)
        .select_from(shared.join(one, is_one).join(other, is_other))
        .where(later)
        .distinct()
        .order_by(one.c.case_id, other.c.case_id, shared.c.column)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def _find(
    connection: Connection,
    wanted: Sequence[frozenset[Key]],
    unwanted: Sequence[frozenset[Key]],
    window: Window,
) -> list[str]:
    if not wanted or not all(wanted):
        return []
    if connection.dialect.name == "postgresql":
        # A plan for any word treats the commonest like the rarest; how often these words stand decides here.
        connection.execute(_PLAN_FOR_THESE_WORDS)
    # The rarest word leads and the others are looked up for each of its cases: two common words that
    # meet often fill the page early, and a rare word ends the search by itself.
    lead, *others = sorted(wanted, key=lambda keys: _count(connection, keys))
    word = search_word.alias("lead")
    query = select(word.c.case_id).where(_matches(lead, word), word.c.case_id > window.after)
    query = query.where(*(_has(word.c.case_id, keys) for keys in others))
    if unwanted:
        query = query.where(not_(and_(*(_has(word.c.case_id, keys) for keys in unwanted))))
    if conditions := filter_conditions(window.filters):
        query = query.join(case_file, case_file.c.id == word.c.case_id).where(*conditions)
    query = query.group_by(word.c.case_id).order_by(word.c.case_id).limit(window.limit)
    return list(connection.execute(query).scalars())


def _matches(keys: Collection[Key], table: FromClause = search_word) -> ColumnElement[bool]:
    by_column: dict[str, list[bytes]] = {}
    for column, blind in keys:
        by_column.setdefault(column, []).append(blind)
    return or_(
        *(
            and_(
                table.c.column == column,
                table.c.blind == blinds[0] if len(blinds) == 1 else table.c.blind.in_(blinds),
            )
            for column, blinds in by_column.items()
        )
    )


def _has(case_id: ColumnElement[str], keys: frozenset[Key]) -> ColumnElement[bool]:
    # One look-up for each key: a look-up by the whole primary key is the cheapest that there is.
    return or_(
        *(
            exists().where(word.c.column == column, word.c.blind == blind, word.c.case_id == case_id)
            for column, blind in sorted(keys)
            for word in [search_word.alias()]
        )
    )


def _count(connection: Connection, keys: frozenset[Key]) -> int:
    some = select(search_word.c.case_id).where(_matches(keys)).limit(_COUNTED_UP_TO).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()
