"""Queries of persons, their merges, and households."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select, update

from iars_node.cases.model import Member, Merge
from iars_node.cases.tables import household, household_member, person, person_difference, person_merge
from iars_node.prepared import insert_many

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Connection


def insert_persons(connection: Connection, person_ids: Iterable[str], at: datetime) -> None:
    """Add persons."""
    rows = [{"id": person_id, "merged_into": None, "created_at": at} for person_id in person_ids]
    insert_many(connection, person, rows)


def exists(connection: Connection, person_id: str) -> bool:
    """Say whether the person is known."""
    return connection.execute(select(person.c.id).where(person.c.id == person_id)).first() is not None


def survivor(connection: Connection, person_id: str) -> str:
    """Follow the redirects from a person to the one who stands for all of them."""
    while True:
        query = select(person.c.merged_into).where(person.c.id == person_id)
        onward = connection.execute(query).scalar()
        if onward is None:
            return person_id
        person_id = onward


def all_of(connection: Connection, person_id: str) -> list[str]:
    """Return the survivor and everyone who was merged into it, directly or through others."""
    found = [survivor(connection, person_id)]
    layer = found
    while layer:
        query = select(person.c.id).where(person.c.merged_into.in_(layer))
        layer = list(connection.execute(query).scalars())
        found = found + layer
    return found


def redirect(connection: Connection, person_id: str, into: str | None) -> None:
    """Point a person at another, or at nobody."""
    connection.execute(update(person).where(person.c.id == person_id).values(merged_into=into))


def insert_merge(connection: Connection, merge: Merge) -> None:
    """Record a merge."""
    row = {
        "id": merge.id,
        "from_person": merge.from_person,
        "into_person": merge.into_person,
        "at": merge.at,
        "by": merge.by,
        "undone_at": None,
        "undone_by": None,
    }
    connection.execute(insert(person_merge).inline(), row)


def find_merge(connection: Connection, merge_id: str) -> Merge | None:
    """Return one merge."""
    row = connection.execute(select(person_merge).where(person_merge.c.id == merge_id)).one_or_none()
    return None if row is None else Merge(*row)


def undo_merge(connection: Connection, merge_id: str, at: datetime, by: str) -> None:
    """Record that a merge was undone."""
    statement = update(person_merge).where(person_merge.c.id == merge_id)
    connection.execute(statement.values(undone_at=at, undone_by=by))


def merges_of(connection: Connection, person_id: str) -> list[Merge]:
    """Return the merges from and into a person, undone ones included, the oldest first."""
    either = or_(person_merge.c.from_person == person_id, person_merge.c.into_person == person_id)
    query = select(person_merge).where(either).order_by(person_merge.c.at, person_merge.c.id)
    return [Merge(*row) for row in connection.execute(query)]


def differ(connection: Connection, one: str, other: str) -> bool:
    """Say whether somebody said that two persons are not one."""
    first, second = sorted((one, other))
    same = person_difference.c
    query = select(same.at).where(same.one_person == first, same.other_person == second)
    return connection.execute(query).first() is not None


def differences(connection: Connection, person_ids: Collection[str]) -> set[tuple[str, str]]:
    """Return the pairs among persons of whom somebody said that they are not one, the smaller id first."""
    same = person_difference.c
    query = select(same.one_person, same.other_person).where(same.one_person.in_(person_ids))
    return {(one, other) for one, other in connection.execute(query)}


def insert_difference(connection: Connection, one: str, other: str, at: datetime, by: str) -> None:
    """Record that two persons are not one."""
    first, second = sorted((one, other))
    row = {"one_person": first, "other_person": second, "at": at, "by": by}
    connection.execute(insert(person_difference).inline(), row)


def insert_household(connection: Connection, household_id: str, at: datetime) -> None:
    """Add a household."""
    connection.execute(insert(household).inline(), {"id": household_id, "created_at": at})


def household_exists(connection: Connection, household_id: str) -> bool:
    """Say whether the household is known."""
    return (
        connection.execute(select(household.c.id).where(household.c.id == household_id)).first() is not None
    )


def put_member(connection: Connection, member: Member) -> None:
    """Add a person to a household, or change the relation."""
    remove_member(connection, member.household_id, member.person_id)
    row = {"household_id": member.household_id, "person_id": member.person_id, "relation": member.relation}
    connection.execute(insert(household_member).inline(), row)


def remove_member(connection: Connection, household_id: str, person_id: str) -> None:
    """Take a person out of a household."""
    members = household_member.c
    connection.execute(
        delete(household_member).where(members.household_id == household_id, members.person_id == person_id)
    )


def members_of(connection: Connection, household_id: str) -> list[Member]:
    """Return a household's members."""
    query = select(household_member).where(household_member.c.household_id == household_id)
    return [Member(*row) for row in connection.execute(query.order_by(household_member.c.person_id))]


def households_of(connection: Connection, person_ids: Iterable[str]) -> list[str]:
    """Return the households that persons belong to."""
    members = household_member.c
    query = select(members.household_id).where(members.person_id.in_(list(person_ids))).distinct()
    return sorted(connection.execute(query).scalars())
