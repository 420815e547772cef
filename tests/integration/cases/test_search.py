"""Finding cases and listing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.cases.model import Assignment, Filters
from iars_node.cases.service import (
    assign_case,
    close_case,
    list_cases,
    open_case,
    receive_scope,
    search_cases,
    write_scope,
)
from iars_node.errors import InvalidError
from iars_node.work import Actor

if TYPE_CHECKING:
    from iars_node.cases.model import Case, Page
    from iars_node.clock import SetClock
    from iars_node.work import Works


def find(works: Works, actor: Actor, text: str, **narrowed: object) -> list[tuple[str, bool]]:
    with works.write(actor) as work:
        page = search_cases(work, text, country="AL", filters=Filters(**narrowed))  # type: ignore[arg-type]
    return [(found.case.id, found.is_exact) for found in page.found]


def named(works: Works, actor: Actor, given: str, family: str, **more: object) -> Case:
    with works.write(actor) as work:
        identity = {"given_name": given, "family_name": family, **more}
        return open_case(work, country="AL", record={"identity": identity})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "text",
    [
        "Elira Hoxha",
        "hoxha ELIRA",
        "élira",
        "Blue",
        "blue bird",
        "BA 123 4567",
        "ba1234567",
        "+355 69 123 4567",
        "069 123 4567",
        "2026/17",
        "elira BA1234567",
    ],
)
def test_a_case_is_found_by_what_people_have_at_hand(
    works: Works, worker: Actor, elira: Case, text: str
) -> None:
    assert find(works, worker, text) == [(elira.id, True)]


def test_a_case_is_found_by_its_reference_however_it_is_said(
    works: Works, worker: Actor, elira: Case
) -> None:
    said = elira.reference.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    for text in (elira.reference, said, elira.reference[2:]):
        assert find(works, worker, text)[0] == (elira.id, True)


def test_script_and_spelling_do_not_hide_a_case(works: Works, worker: Actor) -> None:
    case = named(works, worker, "Олена", "Шевченко")
    assert find(works, worker, "Шевченко Олена") == [(case.id, True)]
    assert find(works, worker, "olena shevchenko") == [(case.id, True)]
    assert find(works, worker, "Olena Schevtschenko") == [(case.id, False)]


def test_another_script_is_found_by_its_sound(works: Works, worker: Actor, elira: Case) -> None:
    assert find(works, worker, "Ходжа Элира") == [(elira.id, False)]


def test_every_word_must_match(works: Works, worker: Actor, elira: Case) -> None:
    named(works, worker, "Elira", "Kola")
    assert find(works, worker, "Elira Hoxha") == [(elira.id, True)]
    assert find(works, worker, "Elira Berisha") == []


def test_exact_words_rank_above_those_that_sound_alike(works: Works, worker: Actor) -> None:
    alike = named(works, worker, "Yelena", "Petrova")
    exact = named(works, worker, "Elena", "Petrova")
    assert find(works, worker, "Elena Petrova") == [(exact.id, True), (alike.id, False)]


def test_what_was_received_is_found_too(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(Actor("peer", "f" * 64)) as work:
        receive_scope(work, elira.id, "identity", "9" * 64, {"family_name": "Gashi"}, by="f" * 64)
    assert find(works, worker, "gashi") == [(elira.id, True)]


def test_a_changed_name_is_no_longer_found(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        write_scope(work, elira.id, "identity", {"family_name": "Dervishi"}, country="AL")
    assert find(works, worker, "Hoxha") == []
    assert find(works, worker, "Dervishi") == [(elira.id, True)]


def test_a_role_without_identity_finds_no_name_but_the_reference(
    works: Works, doctor: Actor, elira: Case
) -> None:
    for text in ("Elira", "BA1234567", "+355691234567"):
        assert find(works, doctor, text) == []
    assert find(works, doctor, elira.reference) == [(elira.id, True)]


def test_the_page_shows_the_alias_to_those_who_read_identity(
    works: Works, worker: Actor, doctor: Actor, elira: Case
) -> None:
    with works.write(worker) as work:
        assert search_cases(work, elira.reference, country="AL").found[0].case.alias == "Blue bird"
        assert list_cases(work).found[0].case.alias == "Blue bird"
    with works.write(doctor) as work:
        assert list_cases(work).found[0].case.alias is None


def pages(works: Works, actor: Actor, text: str, limit: int) -> list[Page]:
    found: list[Page] = []
    cursor = None
    while True:
        with works.write(actor) as work:
            page = search_cases(work, text, country="AL", cursor=cursor, limit=limit)
        found.append(page)
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 10])
def test_pages_show_every_case_once_the_exact_ones_first(works: Works, worker: Actor, limit: int) -> None:
    exact = {named(works, worker, "Elena", "Petrova").id for _ in range(3)}
    alike = {named(works, worker, "Yelena", "Petrova").id for _ in range(3)}
    found = [one for page in pages(works, worker, "elena", limit) for one in page.found]
    assert {one.case.id for one in found[:3]} == exact
    assert {one.case.id for one in found[3:]} == alike
    assert len(found) == 6


def test_lists_go_from_the_last_change_back(works: Works, worker: Actor, clock: SetClock) -> None:
    made = []
    for hour in range(5):
        clock.moment = clock.moment.replace(hour=10 + hour)
        made.append(named(works, worker, "Ana", "Kola").id)
    seen: list[str] = []
    cursor = None
    while cursor is not None or not seen:
        with works.write(worker) as work:
            page = list_cases(work, cursor=cursor, limit=2)
        seen += [one.case.id for one in page.found]
        cursor = page.cursor
    assert seen == made[::-1]


def test_filters_narrow_lists_and_searches(
    works: Works, worker: Actor, supervisor: Actor, elira: Case
) -> None:
    other = named(works, worker, "Elira", "Kola")
    with works.write(supervisor) as work:
        assign_case(work, other.id, Assignment(team_id="7" * 32, assigned_to=worker.id))
        close_case(work, elira.id, "person-left")
    assert find(works, worker, "elira", state="open") == [(other.id, True)]
    assert find(works, worker, "elira", state="closed") == [(elira.id, True)]
    assert find(works, worker, "elira", assigned_to=worker.id) == [(other.id, True)]
    assert find(works, worker, "", team_id="7" * 32, state="open", stage="identified") == [(other.id, True)]
    assert find(works, worker, elira.reference, state="open") == []


@pytest.mark.parametrize("cursor", ["x", "e.zz", "9" * 20, "s." + "g" * 32, "e." + "0" * 31, "²." + "0" * 32])
def test_a_cursor_that_was_never_given_is_refused(works: Works, worker: Actor, cursor: str) -> None:
    with works.write(worker) as work:
        with pytest.raises(InvalidError):
            search_cases(work, "elira", country="AL", cursor=cursor)
        with pytest.raises(InvalidError):
            list_cases(work, cursor=cursor)


def test_searches_and_pages_have_limits(works: Works, worker: Actor) -> None:
    with works.write(worker) as work:
        with pytest.raises(InvalidError):
            search_cases(work, "x" * 201, country="AL")
        with pytest.raises(InvalidError):
            list_cases(work, limit=101)
        assert search_cases(work, " - ", country="AL").found == ()
