"""A stolen session, or an insider, that goes through case after case: told of, stopped, in every way in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.pages import Reader, add_account, copied, everybodys_hash, make_world, words

from iars_node.accounts import store as account_store
from iars_node.accounts.service import find_account_by_name
from iars_node.accounts.tokens import WantedToken, create_token
from iars_node.attachments.service import add_attachment
from iars_node.audit import alarms, store
from iars_node.audit.model import AuditFilter
from iars_node.cases import service as cases
from iars_node.cases.spreadsheet.exporting import export_cases
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.federation.neighbours import Neighbour
    from tests.pages import World

    from iars_node.audit.alarms import Alarm
    from iars_node.clock import SetClock

MOST = 4
SAID = {
    "en": "What you opened already can be opened again",
    "fr": "Ce que vous avez déjà ouvert peut être rouvert",
    "ar": "يمكنك أن تفتح من جديد ما فتحته من قبل",
    "sq": "Çfarë keni hapur tashmë mund të hapet përsëri",
    "ru": "То, что вы уже открывали, можно открыть снова",  # noqa: RUF001 - Russian
}


@pytest.fixture
def world(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    limits = {"cases_told_an_hour": 2, "cases_most_an_hour": MOST}
    made = make_world(tmp_path, clock, copied(sqlite_template), **limits, languages=tuple(SAID))
    yield made
    made.close()


def open_alarms(side: Neighbour) -> list[Alarm]:
    with side.node.works.read(SYSTEM) as work:
        return alarms.open_alarms(work.connection)


def bearer(side: Neighbour, *actions: str) -> dict[str, str]:
    with side.node.works.write(SYSTEM) as work:
        wanted = WantedToken("copying", frozenset(actions), frozenset({"services"}), timedelta(1))
        return {"Authorization": f"Bearer {create_token(work, wanted).secret}"}


def copy_all(besa: Reader, count: int = MOST) -> list[str]:
    found = [besa.neighbour.open_case().id for _ in range(count)]
    for case_id in found:
        assert besa.get(f"/cases/{case_id}").status_code == 200
    return found


def test_pages_are_told_of_and_then_stopped_with_a_calm_sentence(world: World) -> None:
    besa = Reader(world.shelter).enter()
    known = copy_all(besa)
    assert {one.kind for one in open_alarms(world.shelter)} == {
        "account.opens-many",
        "account.stopped-opening",
    }
    one_more = world.shelter.open_case().id
    answer = besa.get(f"/cases/{one_more}")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    assert SAID["en"] in words(answer.text)
    for case_id in known:
        assert besa.get(f"/cases/{case_id}").status_code == 200
        assert besa.get(f"/cases/{case_id}/scopes/contact").status_code == 200


@pytest.mark.parametrize("language", SAID)
def test_it_is_said_in_every_language(world: World, language: str) -> None:
    besa = Reader(world.shelter).enter()
    copy_all(besa)
    with world.shelter.node.works.write(SYSTEM) as work:
        account_store.update_account(
            work.connection, find_account_by_name(work, "besa").id, language=language
        )
    page = besa.get(f"/cases/{world.shelter.open_case().id}")
    assert page.status_code == 429
    assert SAID[language] in words(page.text)


def test_alarm_and_refusal_hold_ids_only(world: World) -> None:
    besa = Reader(world.shelter).enter()
    copy_all(besa)
    refused = world.shelter.open_case().id
    besa.get(f"/cases/{refused}")
    with world.shelter.node.works.read(SYSTEM) as work:
        account = find_account_by_name(work, "besa")
        (event,) = store.page(work.connection, AuditFilter(action="access.")).events
    assert (event.event.actor_id, event.event.case_id) == (account.id, refused)
    assert event.event.detail["reason"] == "too-many-cases"
    for alarm in open_alarms(world.shelter):
        assert alarm.subject == account.id
        assert set(alarm.detail) == {"actor", "cases", "hours"}


def test_administrators_and_the_data_protection_officer_see_it_on_their_pages(world: World) -> None:
    copy_all(Reader(world.shelter).enter())
    add_account(world.shelter, "dpo", "Drita Leka", "data-protection-officer", everybodys_hash())
    for name in ("arta", "dpo"):
        reader = Reader(world.shelter).enter(name)
        assert "Look at an alarm: Somebody opens very many cases" in words(reader.get("/").text)
        page = reader.get("/alarms")
        assert "Somebody opened as many cases as one account may" in words(page.text)
        assert "Besa Dema" in words(page.text)
        assert ("/seen" in page.text) == (name == "arta")
    besa = Reader(world.shelter).enter()
    assert "/alarms" not in besa.get("/").text
    assert besa.get("/alarms").status_code == 403


def test_an_administrator_takes_note_and_the_alarm_leaves_the_page(world: World) -> None:
    copy_all(Reader(world.shelter).enter(), 2)
    (alarm,) = open_alarms(world.shelter)
    besa, arta = Reader(world.shelter).enter(), Reader(world.shelter).enter("arta")
    besa.get("/cases")
    assert besa.post(f"/alarms/{alarm.id}/seen").status_code == 403
    arta.get("/alarms")
    assert arta.post(f"/alarms/{alarm.id}/seen").status_code == 303
    assert open_alarms(world.shelter) == []
    assert "There is no open alarm." in words(arta.get("/alarms").text)


def test_a_colleague_goes_on(world: World) -> None:
    copy_all(Reader(world.shelter).enter())
    mira = Reader(world.shelter).enter("mira")
    assert mira.get(f"/cases/{world.shelter.open_case().id}").status_code == 200


def test_lists_and_searches_open_nothing(world: World) -> None:
    for _ in range(3 * MOST):
        world.shelter.open_case()
    besa = Reader(world.shelter).enter()
    for path in ("/", "/cases", "/cases?find=Ana"):
        assert besa.get(path).status_code == 200
    assert open_alarms(world.shelter) == []


def test_an_export_and_what_the_node_does_itself_trip_nothing(world: World, tmp_path: Path) -> None:
    made = [world.shelter.open_case().id for _ in range(3 * MOST)]
    exporter = Actor("token", "e" * 32, actions=frozenset({"case.export"}), scopes=frozenset({"services"}))
    with world.shelter.node.works.write(exporter) as work:
        assert export_cases(work, made, tmp_path / "all.xlsx") == len(made)
    with world.shelter.node.works.write(SYSTEM) as work:
        for case_id in made:
            cases.read_case(work, case_id)
    assert open_alarms(world.shelter) == []


def test_a_token_is_stopped_with_retry_after_and_goes_on_with_what_it_opened(world: World) -> None:
    http = Reader(world.shelter).http
    headers = bearer(world.shelter, "case.read")
    made = [world.shelter.open_case().id for _ in range(MOST + 1)]
    answers = [http.get(f"/api/v1/cases/{case_id}?scopes=services", headers=headers) for case_id in made]
    assert [each.status_code for each in answers] == [200] * MOST + [429]
    problem = answers[-1].json()
    assert problem["code"] == "too-many-cases"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600
    assert http.get(f"/api/v1/cases/{made[0]}", headers=headers).status_code == 200


def test_an_hour_later_there_is_room_again(world: World, clock: SetClock) -> None:
    http = Reader(world.shelter).http
    headers = bearer(world.shelter, "case.read")
    for _ in range(MOST):
        http.get(f"/api/v1/cases/{world.shelter.open_case().id}", headers=headers)
    path = f"/api/v1/cases/{world.shelter.open_case().id}"
    wait = int(http.get(path, headers=headers).headers["retry-after"])
    clock.moment += timedelta(seconds=wait)
    assert http.get(path, headers=headers).status_code == 200


def test_referrals_and_attachments_are_no_way_around(world: World, tmp_path: Path) -> None:
    besa = Reader(world.shelter).enter()
    copy_all(besa)
    case, _given, sent = world.referral()
    assert besa.get(f"/referrals/{sent.id}").status_code == 429
    source = tmp_path / "letter.txt"
    source.write_bytes(b"a letter")
    node = world.shelter.node
    with source.open("rb") as opened, node.works.write(SYSTEM) as work:
        stored = node.folder.write([opened.read()], most=100)
        kept = add_attachment(work, case.id, "identity", stored, name="letter.txt", media_type="text/plain")
    assert besa.get(f"/cases/{case.id}/attachments/{kept.id}").status_code == 429
    headers = bearer(world.shelter, "referral.read")
    for _ in range(MOST):
        _case, _given, other = world.referral()
        got = Reader(world.shelter).http.get(f"/api/v1/referrals/{other.id}/timeline", headers=headers)
        assert got.status_code == 200
    last = Reader(world.shelter).http.get(f"/api/v1/referrals/{sent.id}/timeline", headers=headers)
    assert last.status_code == 429
