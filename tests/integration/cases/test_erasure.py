"""Locking, retaining and erasing by scope and source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.cases.service import (
    add_note,
    content_keys,
    erase_content,
    erased_or_locked,
    lock_content,
    read_case,
    receive_scope,
    retain_content,
    search_cases,
    snapshot,
    unlock_content,
    write_scope,
)
from iars_node.errors import ConflictError
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.work import Works

GRANT = "9" * 64
PEER = Actor("peer", "f" * 64)


@pytest.fixture
def referred(works: Works, elira: Case) -> Case:
    """A case that also holds an identity received under a grant."""
    with works.write(PEER) as work:
        sent = {"given_name": "Elvira", "family_name": "Dervishi", "document_type": "passport"}
        receive_scope(work, elira.id, "identity", GRANT, sent, by=PEER.id)
    return elira


def finds(works: Works, worker: Actor, text: str) -> bool:
    with works.write(worker) as work:
        return bool(search_cases(work, text, country="AL").found)


def test_a_locked_source_is_neither_read_nor_found_nor_written(
    works: Works, worker: Actor, referred: Case
) -> None:
    with works.write(SYSTEM) as work:
        assert lock_content(work, referred.id, GRANT) == {"identity"}
        assert lock_content(work, referred.id, GRANT) == set()
        assert "document_type" not in snapshot(work, referred.id)["identity"]
        assert snapshot(work, referred.id)["identity"]["given_name"] == "Elira"
    assert not finds(works, worker, "Dervishi")
    assert finds(works, worker, "Hoxha")
    with works.write(PEER) as work, pytest.raises(ConflictError):
        receive_scope(work, referred.id, "identity", GRANT, {"given_name": "X"}, by=PEER.id)
    with works.write(worker) as work:
        documents = read_case(work, referred.id).scopes["identity"].documents
    assert {document.source: document.closed for document in documents} == {"own": "", GRANT: "locked"}


def test_unlocking_brings_everything_back(works: Works, worker: Actor, referred: Case) -> None:
    with works.write(SYSTEM) as work:
        lock_content(work, referred.id, GRANT)
    with works.write(SYSTEM) as work:
        assert unlock_content(work, referred.id, GRANT) == {"identity"}
        assert snapshot(work, referred.id)["identity"]["document_type"] == "passport"
    assert finds(works, worker, "Dervishi")


def test_erasing_what_one_organisation_sent_keeps_what_this_one_recorded(
    works: Works, worker: Actor, referred: Case
) -> None:
    with works.write(SYSTEM) as work:
        keys = content_keys(work, referred.id, GRANT)
        assert keys.keys() == {"identity"}
        assert erase_content(work, referred.id, GRANT) == {"identity"}
        assert work.vault.has_content_keys(keys.values()) == set()
        assert snapshot(work, referred.id)["identity"]["given_name"] == "Elira"
        assert [(one.source, one.closed) for one in erased_or_locked(work, referred.id)] == [
            (GRANT, "erased")
        ]
    assert not finds(works, worker, "Dervishi")
    assert finds(works, worker, "Hoxha")


def test_erasing_twice_is_as_once(works: Works, referred: Case) -> None:
    with works.write(SYSTEM) as work:
        erase_content(work, referred.id, GRANT)
    with works.write(SYSTEM) as work:
        assert erase_content(work, referred.id, GRANT) == set()


def test_new_content_after_an_erasure_gets_a_new_key(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(SYSTEM) as work:
        before = content_keys(work, elira.id, "own")["identity"]
        erase_content(work, elira.id, "own", ["identity"])
    with works.write(worker) as work:
        write_scope(work, elira.id, "identity", {"alias": "New bird"}, country="AL")
        assert content_keys(work, elira.id, "own")["identity"] != before
        assert snapshot(work, elira.id)["identity"] == {"alias": "New bird"}
    assert finds(works, worker, "New bird")


def test_the_age_band_outlives_an_erased_identity(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(SYSTEM) as work:
        erase_content(work, elira.id, "own", ["identity"])
    with works.write(worker) as work:
        write_scope(work, elira.id, "demographics", {"gender": "NonConforming"}, country="AL")
        assert snapshot(work, elira.id)["demographics"]["age_band"] == "21-23"


def test_notes_follow_their_scope(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        add_note(work, elira.id, "psychosocial", " She sleeps better. ")
        add_note(work, elira.id, "medical", "Inhaler given.")
    with works.write(worker) as work:
        texts = {note.text for note in read_case(work, elira.id).notes}
    assert texts == {"She sleeps better.", "Inhaler given."}
    with works.write(SYSTEM) as work:
        lock_content(work, elira.id, "own", ["psychosocial"])
        erase_content(work, elira.id, "own", ["medical"])
    with works.write(worker) as work:
        assert [note.text for note in read_case(work, elira.id).notes] == [None]
        with pytest.raises(ConflictError):
            add_note(work, elira.id, "psychosocial", "x")


def test_content_can_be_retained_on_another_basis(works: Works, worker: Actor, referred: Case) -> None:
    with works.write(SYSTEM) as work:
        assert retain_content(work, referred.id, GRANT, ["identity"]) == {"identity"}
    with works.write(worker) as work:
        fields = read_case(work, referred.id).scopes["identity"].fields
    assert fields["document_type"].basis == "retained"


def test_the_whole_of_a_case_can_be_erased_by_source(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(SYSTEM) as work:
        assert erase_content(work, elira.id, "own") == {"identity", "contact", "demographics", "medical"}
        assert snapshot(work, elira.id) == {}
    with works.write(worker) as work:
        record = read_case(work, elira.id)
    assert record.external_number is None
    assert {document.closed for view in record.scopes.values() for document in view.documents} == {"erased"}
