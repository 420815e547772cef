"""Other cases that are probably of the same person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.cases.service import likely_duplicates

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.work import Actor, Works
    from iars_protocol.record import Record


@pytest.mark.parametrize(
    ("record", "reasons"),
    [
        ({"identity": {"document_number": "BA1234567"}}, ("document",)),
        ({"contact": {"other_phone": "+355691234567"}}, ("phone",)),
        ({"identity": {"given_name": "Hoxha", "family_name": "Elira"}}, ("name",)),
        ({"identity": {"given_name": "Elyra", "family_name": "Höxha", "birth_date": "2004"}}, ("name",)),
        (
            {"identity": {"given_name": "Elira", "family_name": "Hoxha", "birth_date": "2004-05-17"}},
            ("name", "birth-date"),
        ),
        ({"identity": {"given_name": "Елира", "family_name": "Хоџа", "birth_date": "2005~"}}, ("name",)),
        ({"identity": {"given_name": "Elira", "family_name": "Hoxha", "birth_date": "1985"}}, None),
        ({"identity": {"given_name": "Marjeta", "family_name": "Hoxha"}}, None),
        ({"identity": {"given_name": "Elira"}}, None),
        ({}, None),
    ],
)
def test_what_speaks_for_one_person_is_said(
    works: Works, worker: Actor, elira: Case, record: Record, reasons: tuple[str, ...] | None
) -> None:
    with works.write(worker) as work:
        found = likely_duplicates(work, record)
    assert [(one.case_id, one.reasons) for one in found] == ([] if reasons is None else [(elira.id, reasons)])


def test_the_case_itself_is_left_out(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        record: Record = {"identity": {"document_number": "BA1234567"}}
        assert likely_duplicates(work, record, without=[elira.id]) == []


def test_more_reasons_weigh_more(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        name: Record = {"identity": {"given_name": "Elira", "family_name": "Hoxha"}}
        both: Record = {"identity": {**name["identity"], "birth_date": "2004-05-17"}}
        (weaker,), (stronger,) = likely_duplicates(work, name), likely_duplicates(work, both)
    assert (weaker.case_id, stronger.case_id) == (elira.id, elira.id)
    assert weaker.score < stronger.score == 100
