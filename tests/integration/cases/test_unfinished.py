"""Drafts that are certainly of a person are told to them and erased with what is theirs; others are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.accounts.model import Account
from iars_node.accounts.store import insert_account
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.cases.service import drafts_of_person, erase_content, lock_content, open_case
from iars_node.db import new_id
from iars_node.drafts import service as drafts
from iars_node.drafts import store as draft_store
from iars_node.work import SYSTEM, Actor, Works

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.cases.model import Case
    from iars_node.drafts.model import DraftKind
    from iars_protocol.record import Record

IDENTITY = {"given_name": "Ana", "family_name": "Munteanu", "birth_date": "1999-05-17"}
PERSON: Record = {
    "identity": {**IDENTITY, "alias": "Blue bird", "document_number": "AB 123 456"},
    "contact": {"phone": "+355691234567"},
    "medical": {"medical_notes": "asthma"},
}


@pytest.fixture
def somebody(works: Works) -> Actor:
    """A colleague, whose drafts they are."""
    with works.write(SYSTEM) as work:
        account = Account(new_id(), "mira", "Mira", "", frozenset({"case-worker"}), "en", work.now)
        insert_account(work.connection, account, "!")
    return account.actor


@pytest.fixture
def case(works: Works) -> Case:
    with works.write(SYSTEM) as work:
        return open_case(work, country="AL", record=PERSON)


def begun(works: Works, by: Actor, typed: Mapping[str, str], kind: DraftKind = "case") -> str:
    with works.write(by) as work:
        return drafts.begin(work, kind, {name: [value] for name, value in typed.items()}).id


def typed_as(**identity: str) -> dict[str, str]:
    return {f"identity.{name}": value for name, value in identity.items()}


def found(works: Works, case: Case) -> list[str]:
    with works.read(SYSTEM) as work:
        return [each.id for each in drafts_of_person(work, case.person_id)]


CERTAIN = [
    typed_as(document_number="ab-123456"),
    typed_as(given_name="Munteanu", family_name="Anna", birth_date="1999-05-17"),
    {**typed_as(given_name="Ana", family_name="Munteanu"), "contact.phone": "+355 69 123 4567"},
]
IN_DOUBT = [
    {},
    typed_as(alias="Blue bird"),
    typed_as(given_name="Ana", family_name="Munteanu"),
    typed_as(given_name="Ana", family_name="Munteanu", birth_date="1999"),
    typed_as(given_name="Ana", family_name="Munteanu", birth_date="in May"),
    typed_as(given_name="Elira", family_name="Hoxha", birth_date="1999-05-17"),
    {"contact.phone": "+355691234567"},
    {**typed_as(given_name="Elira", family_name="Munteanu"), "contact.phone": "+355691234567"},
    {
        **typed_as(given_name="Ana", family_name="Munteanu", birth_date="2014-01-02"),
        "contact.phone": "+355691234567",
    },
    {
        **typed_as(given_name="Ana", family_name="Munteanu", birth_date="last~"),
        "contact.phone": "+355691234567",
    },
]


@pytest.mark.parametrize("typed", CERTAIN, ids=str)
def test_a_draft_that_leaves_no_doubt_is_of_the_person(
    works: Works, somebody: Actor, case: Case, typed: dict[str, str]
) -> None:
    draft_id = begun(works, somebody, typed)
    assert found(works, case) == [draft_id]


@pytest.mark.parametrize("typed", IN_DOUBT, ids=str)
def test_a_draft_that_may_be_another_s_is_not_told(
    works: Works, somebody: Actor, case: Case, typed: dict[str, str]
) -> None:
    begun(works, somebody, typed)
    assert found(works, case) == []


def test_what_is_erased_takes_the_drafts_of_its_person_with_it(
    works: Works, somebody: Actor, case: Case
) -> None:
    gone, others = begun(works, somebody, CERTAIN[0]), begun(works, somebody, IN_DOUBT[2])
    with works.read(SYSTEM) as work:
        key = draft_store.key_of(work.connection, gone)
    with works.write(SYSTEM) as work:
        erase_content(work, case.id, "own")
    with works.read(somebody) as work:
        assert [each.id for each in drafts.unfinished(work)] == [others]
        events = audit_store.page(work.connection, AuditFilter(action="case.draft-erased"), limit=5).events
        assert [(each.event.case_id, each.event.subject) for each in events] == [(case.id, gone)]
        assert key in {each.key_id for each in work.vault.ledger()}


def test_a_draft_that_holds_nothing_of_what_is_erased_stays(
    works: Works, somebody: Actor, case: Case
) -> None:
    draft_id = begun(works, somebody, CERTAIN[0])
    with works.write(SYSTEM) as work:
        erase_content(work, case.id, "own", ["medical"])
    assert found(works, case) == [draft_id]


def test_an_erasure_that_is_undone_leaves_no_draft_that_opens(
    works: Works, somebody: Actor, case: Case
) -> None:
    draft_id = begun(works, somebody, CERTAIN[0])

    def erase_and_fail() -> None:
        with works.write(SYSTEM) as work:
            erase_content(work, case.id, "own")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        erase_and_fail()
    with works.read(somebody) as work:
        assert drafts.get(work, draft_id).content == {}
    with works.write(SYSTEM) as work:
        erase_content(work, case.id, "own")


def test_what_is_locked_recognises_nobody(works: Works, somebody: Actor, case: Case) -> None:
    begun(works, somebody, CERTAIN[1])
    with works.write(SYSTEM) as work:
        lock_content(work, case.id, "own")
    assert found(works, case) == []
