"""Writing, receiving and reading what a case holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iars_node.audit import store as audit_store
from iars_node.cases.service import (
    open_case,
    open_received_case,
    read_case,
    receive_scope,
    snapshot,
    snapshot_sources,
    write_scope,
)
from iars_node.db import metadata
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from iars_node.work import Actor

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.db import Database
    from iars_node.work import Works
    from iars_protocol.record import Value

GRANT = "9" * 64
PEER = "f" * 64


def actions(works: Works) -> list[str]:
    with works.database.read() as connection:
        return [event.event.action for event in audit_store.every(connection)]


def test_what_was_written_is_read_back(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        record = read_case(work, elira.id)
    assert record.scopes["identity"].fields["given_name"].value == "Elira"
    assert record.scopes["identity"].fields["given_name"].source == "own"
    assert record.scopes["identity"].fields["given_name"].basis == "collected"
    assert record.scopes["identity"].fields["given_name"].by == worker.id
    assert record.scopes["identity"].fields["given_name"].at == "2026-03-02T09:00:00Z"
    assert record.head.alias == "Blue bird"
    assert record.external_number == "2026/17"


def test_age_band_and_track_are_filled_by_the_node(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        assert snapshot(work, elira.id)["demographics"] == {
            "citizenships": ["AL"],
            "gender": "Feminine",
            "age_band": "21-23",
            "track": "national",
        }
        write_scope(work, elira.id, "demographics", {"citizenships": ["MD", "RO"]}, country="AL")
        write_scope(work, elira.id, "identity", {"birth_date": "2010~"}, country="AL")
        after = snapshot(work, elira.id)["demographics"]
    assert (after["track"], after["age_band"]) == ("third-country", "9-17")


def test_the_age_band_is_that_of_the_day_of_reading(
    works: Works, worker: Actor, elira: Case, clock: SetClock
) -> None:
    clock.moment = datetime(2031, 3, 2, tzinfo=UTC)
    with works.write(worker) as work:
        assert snapshot(work, elira.id)["demographics"]["age_band"] == "24-26"
        assert (
            read_case(work, elira.id, ["demographics"]).scopes["demographics"].fields["age_band"].value
            == "24-26"
        )


def test_a_derived_field_can_not_be_written(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work, pytest.raises(InvalidError) as caught:
        write_scope(work, elira.id, "demographics", {"age_band": "9-17"}, country="AL")
    assert caught.value.faults.keys() == {"demographics.age_band"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("identity.document_country", "XQ"),
        ("demographics.citizenships", ["AL", "XQ"]),
        ("demographics.languages", ["sq", "xx"]),
    ],
)
def test_a_code_of_no_country_or_language_is_refused_however_well_formed(
    works: Works, worker: Actor, elira: Case, field: str, value: Value
) -> None:
    scope, _, name = field.partition(".")
    with works.write(worker) as work, pytest.raises(InvalidError) as caught:
        write_scope(work, elira.id, scope, {name: value}, country="AL")
    assert caught.value.faults.keys() == {field}
    assert "XQ" not in str(caught.value.faults)


def test_faulty_fields_are_named_without_their_values(works: Works, worker: Actor, elira: Case) -> None:
    wrong = {
        "birth_date": "17.05.2004",
        "document_country": "Albania",
        "given_name": "Ana",
        "shoe_size": "38",
    }
    with works.write(worker) as work, pytest.raises(InvalidError) as caught:
        write_scope(work, elira.id, "identity", wrong, country="AL")
    faults = caught.value.faults
    assert faults.keys() == {"identity.birth_date", "identity.document_country", "identity.shoe_size"}
    assert "17.05.2004" not in " ".join(faults.values())


def test_writing_the_same_again_changes_nothing(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        before = read_case(work, elira.id).scopes["identity"].documents[0]
        again = write_scope(work, elira.id, "identity", {"given_name": "Elira"}, country="AL")
    assert again.version == before.version
    assert actions(works).count("case.changed") == 1


def test_none_takes_a_value_away(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        write_scope(work, elira.id, "identity", {"alias": None}, country="AL")
        assert "alias" not in snapshot(work, elira.id)["identity"]


def test_two_writers_do_not_overwrite_each_other_silently(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        seen = read_case(work, elira.id).scopes["contact"].documents[0].version
        write_scope(
            work, elira.id, "contact", {"safe_times": "mornings"}, country="AL", expected_version=seen
        )
    with works.write(worker) as work, pytest.raises(ConflictError):
        write_scope(
            work, elira.id, "contact", {"safe_times": "evenings"}, country="AL", expected_version=seen
        )


def test_own_values_come_before_received_ones_and_both_are_kept(
    works: Works, worker: Actor, elira: Case
) -> None:
    with works.write(Actor("peer", PEER)) as work:
        sent = {"given_name": "Elvira", "document_type": "passport"}
        receive_scope(work, elira.id, "identity", GRANT, sent, by=PEER)
    with works.write(worker) as work:
        fields = read_case(work, elira.id).scopes["identity"].fields
    assert fields["given_name"].value == "Elira"
    assert fields["given_name"].others[GRANT].value == "Elvira"
    assert (fields["document_type"].source, fields["document_type"].basis) == (GRANT, "granted")
    assert fields["document_type"].by == PEER


def test_the_newest_received_value_counts(works: Works, worker: Actor, clock: SetClock) -> None:
    with works.write(Actor("peer", PEER)) as work:
        case = open_received_case(work)
        receive_scope(work, case.id, "contact", "1" * 64, {"phone": "+355691111111"}, by=PEER)
    clock.moment = clock.moment.replace(hour=11)
    with works.write(Actor("peer", PEER)) as work:
        receive_scope(work, case.id, "contact", "0" * 64, {"phone": "+355692222222"}, by=PEER)
    with works.write(worker) as work:
        assert snapshot(work, case.id)["contact"] == {"phone": "+355692222222"}
        assert snapshot(work, case.id, sources=["1" * 64])["contact"] == {"phone": "+355691111111"}
        assert snapshot_sources(work, case.id) == {"contact": ("0" * 64,)}


def test_received_fields_that_this_node_does_not_know_survive(
    works: Works, worker: Actor, elira: Case
) -> None:
    with works.write(Actor("peer", PEER)) as work:
        sent = {"blood_group": {"letter": "A", "positive": True}, "conditions": ["diabetes"]}
        receive_scope(work, elira.id, "medical", GRANT, sent, by=PEER)
    with works.write(worker) as work:
        fields = read_case(work, elira.id).scopes["medical"].fields
    assert str(fields["blood_group"].value) == "{'letter': 'A', 'positive': True}"
    assert fields["conditions"].value == ["asthma"]


def test_received_content_never_claims_to_be_own(works: Works, elira: Case) -> None:
    with works.write(Actor("peer", PEER)) as work, pytest.raises(InvalidError):
        receive_scope(work, elira.id, "medical", "own", {"conditions": ["x"]}, by=PEER)
    with works.write(Actor("peer", PEER)) as work, pytest.raises(InvalidError):
        receive_scope(work, elira.id, "weather", GRANT, {"rain": True}, by=PEER)
    with works.write(Actor("peer", PEER)) as work, pytest.raises(InvalidError) as caught:
        receive_scope(work, elira.id, "medical", GRANT, {"pregnancy": 3, "scale": 1.5}, by=PEER)
    assert caught.value.faults.keys() == {"medical.pregnancy", "medical.scale"}


def test_an_amendment_can_replace_what_was_sent(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(Actor("peer", PEER)) as work:
        receive_scope(work, elira.id, "legal", GRANT, {"lawyer": "A. B.", "proceedings": ["asylum"]}, by=PEER)
        receive_scope(work, elira.id, "legal", GRANT, {"lawyer": "C. D."}, by=PEER, replace_all=True)
    with works.write(worker) as work:
        assert snapshot(work, elira.id)["legal"] == {"lawyer": "C. D."}


def test_scopes_outside_the_role_are_absent(works: Works, doctor: Actor, elira: Case) -> None:
    with works.write(doctor) as work:
        record = read_case(work, elira.id)
        assert record.scopes.keys() == {"demographics", "medical"}
        assert record.head.alias is None
        assert read_case(work, elira.id, ["identity"]).scopes == {}
        with pytest.raises(ForbiddenError):
            write_scope(work, elira.id, "identity", {"alias": "x"}, country="AL")


def test_reading_a_most_sensitive_scope_is_recorded_by_name(works: Works, doctor: Actor, elira: Case) -> None:
    with works.write(doctor) as work:
        read_case(work, elira.id)
    with works.database.read() as connection:
        events = [one.event for one in audit_store.every(connection)][-2:]
    assert [(event.action, event.scopes) for event in events] == [
        ("case.read", ("demographics",)),
        ("case.scope-read", ("medical",)),
    ]
    assert all(event.case_id == elira.id and event.actor_id == doctor.id for event in events)


def test_nobody_without_a_role_reads_or_opens(works: Works, elira: Case) -> None:
    nobody = Actor("account", "d" * 32)
    with works.write(nobody) as work:
        with pytest.raises(ForbiddenError):
            read_case(work, elira.id)
        with pytest.raises(ForbiddenError):
            open_case(work, country="AL")


def test_an_unknown_case_is_not_found(works: Works, worker: Actor) -> None:
    with works.write(worker) as work:
        with pytest.raises(NotFoundError):
            read_case(work, "0" * 32)
        with pytest.raises(NotFoundError):
            write_scope(work, "0" * 32, "identity", {}, country="AL")
        with pytest.raises(NotFoundError):
            open_case(work, country="AL", person_id="0" * 32)


def test_a_file_number_belongs_to_one_case(works: Works, worker: Actor, elira: Case) -> None:  # noqa: ARG001
    with works.write(worker) as work, pytest.raises(ConflictError):
        open_case(work, country="AL", external_number=" 2026 / 17")
    for number in ("  ", "x" * 101, "a\x00b"):
        with works.write(worker) as work, pytest.raises(InvalidError):
            open_case(work, country="AL", external_number=number)
    with works.write(worker) as work:
        open_case(work, country="AL", external_number="20261/7")


def test_no_content_stands_in_the_database(
    works: Works, worker: Actor, elira: Case, database: Database
) -> None:
    with works.write(worker) as work:
        write_scope(work, elira.id, "safety", {"threats": "A man called Besnik waits"}, country="AL")
    with database.read() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(table.select())]
    stored = b"".join(_bytes(value) for row in rows for value in row)
    for secret in (
        "Elira",
        "elira",
        "Hoxha",
        "Blue",
        "1234567",
        "asthma",
        "Besnik",
        "2004-05",
        "2026/17",
        "202617",
    ):
        assert secret.encode() not in stored


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
