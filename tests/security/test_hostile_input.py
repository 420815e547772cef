"""What somebody could type, send or forge: at every page and every form, as the register lists them."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from tests.conftest import MORNING
from tests.forms import Form, forms_of
from tests.pages import PEOPLE, Reader, World, copied, make_world
from tests.records import ALIAS, WHERES, Records, mark, new_account, one_of_each

from iars_node.accounts.access import ROLES
from iars_node.clock import SetClock
from iars_node.web.routes import entries
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

SCRIPT = "<script>alert(1)</script>"
EVIL = f"{SCRIPT}\"'><img src=x onerror=alert(1)>"
ELSEWHERE = "elsewhere.example"
PLACES_ELSEWHERE = (f"https://{ELSEWHERE}", f"//{ELSEWHERE}", f"/\\{ELSEWHERE}", "javascript:alert(1)")
# Plain dots are taken out by every client before they are sent: these reach the node as they are.
UP = ("..%2f..%2fetc%2fpasswd", "%2e%2e", "....//", "..\\..\\", "%00", "%ff", "a" * 4000)
LEAVING = frozenset({"/leave", "/lock", "/sign-out"})
GETS = [entry for entry in entries() if entry.method == "GET" and entry.path not in LEAVING]
POSTS = [entry for entry in entries() if entry.method == "POST" and entry.path not in LEAVING]
WITH_PLACES = [entry for entry in entries() if "{" in entry.path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("hostile"), SetClock(MORNING), copied(sqlite_template))
    new_account(made.shelter, "sees-all", frozenset(ROLES))
    yield made
    made.close()


@pytest.fixture(scope="module")
def records(world: World) -> Records:
    return asyncio.run(one_of_each(world))


@pytest.fixture(scope="module")
def everyone(world: World) -> Reader:
    """Somebody with every role."""
    return Reader(world.shelter).enter("sees-all")


def addresses(records: Records) -> list[str]:
    """Return the address of every page, and of those that differ by what is asked for."""
    found = [f"{records.path(entry)}?{records.chosen}&language=en" for entry in GETS]
    case = records.fill("/cases/{case_id}")
    found += [f"{case}/scopes/{scope}" for scope in SCOPES] + [f"{case}?open={scope}" for scope in SCOPES]
    received = f"/referrals/{records.received}"
    found += [received, *(f"{received}/{step}" for step in ("accept", "reject"))]
    return found


def template_of(path: str) -> str:
    """Return the register's path for a form's address."""
    for entry in POSTS:
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", entry.path), path):
            return entry.path
    return ""


def gather(reader: Reader, records: Records) -> dict[str, Form]:
    """Return the forms of every page by where they are sent; each must carry the token."""
    found: dict[str, Form] = {}
    for address in addresses(records):
        answer = reader.get(address)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        for form in forms_of(answer.text, address):
            if form.method != "post":
                assert "csrf" not in form.others, f"{address}: the token would stand in an address"
                continue
            assert form.values["csrf"] == [reader.token], address
            if form.path not in LEAVING:
                assert template_of(form.path), f"{form.path} is sent to no page of the register"
                found.setdefault(form.path, form)
    return found


def is_harmless(answer: Response) -> bool:
    """Say whether an answer holds nothing of what was typed as markup, and broke nothing."""
    assert answer.status_code < 500
    assert answer.headers["cache-control"] == "no-store"
    return SCRIPT not in answer.text and "<img" not in answer.text


def test_no_script_that_is_typed_into_any_form_becomes_markup_on_any_page(
    everyone: Reader, records: Records
) -> None:
    forms = gather(everyone, records)
    names = set[str]().union(*(form.texts | form.others for form in forms.values())) - {"csrf"}
    assert len({template_of(path) for path in forms}) > 25
    echoed = 0
    for everywhere in (False, True):
        for path, form in forms.items():
            for step in (form.filled(EVIL, everywhere=everywhere), form.filled(EVIL)):
                answer = everyone.post(path, {**step, "csrf": everyone.token})
                assert is_harmless(answer), path
                echoed += "&lt;script&gt;" in answer.text
        for address in addresses(records):
            answer = everyone.get(address)
            assert is_harmless(answer), address
            echoed += "&lt;script&gt;" in answer.text
    # A form that no page showed as things stand is sent every name that any other form has.
    for entry in POSTS:
        answer = everyone.post(records.path(entry), {**dict.fromkeys(names, EVIL), "csrf": everyone.token})
        assert is_harmless(answer), entry.name
        if answer.status_code == 303:
            assert is_harmless(everyone.get(answer.headers["location"])), entry.name
    assert echoed > 30, "what was typed must have come back somewhere, or nothing was tried"


@pytest.mark.parametrize("target", PLACES_ELSEWHERE)
def test_no_page_leads_to_another_site(everyone: Reader, records: Records, target: str) -> None:
    names = ("next", "back", "from", "show", "to", "done", "kept", "url", "return")
    for entry in (*GETS, *POSTS):
        path = records.path(entry)
        if entry.method == "GET":
            answer = everyone.http.get(path, params=dict.fromkeys(names, target))
        else:
            answer = everyone.post(path, dict.fromkeys(names, target))
        where = answer.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", where), (entry.name, where)
        assert f'href="{target}' not in answer.text, entry.name
        assert f'action="{target}' not in answer.text, entry.name


@pytest.mark.parametrize("up", UP, ids=range(len(UP)))
def test_no_place_in_an_address_leads_out_of_its_folder(everyone: Reader, records: Records, up: str) -> None:
    for entry in WITH_PLACES:
        for place in re.findall(r"{\w+}", entry.path):
            path = records.fill(entry.path.replace(place, up))
            ask = everyone.get if entry.method == "GET" else everyone.post
            answer = ask(path)
            assert answer.status_code in (403, 404, 405), (entry.name, up)
            assert "root:" not in answer.text
    assert everyone.get(f"/static/{up}").status_code == 404


def test_a_forged_host_reaches_no_address_of_any_answer(everyone: Reader, records: Records) -> None:
    for name in ("host", "x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url"):
        for address in (*addresses(records), "/cases/", "/me/", "/nowhere", "//elsewhere.example/"):
            answer = everyone.http.get(address, headers={name: ELSEWHERE, "accept": "text/html"})
            assert answer.status_code < 500
            assert ELSEWHERE not in answer.headers.get("location", ""), (name, address)
            assert ELSEWHERE not in answer.text, (name, address)


def test_no_title_names_anybody(everyone: Reader, records: Records) -> None:
    known = {mark(scope, where) for scope in SCOPES for where in WHERES}
    known |= {ALIAS, "Sees-All", *(display_name for display_name, _role in PEOPLE.values())}
    for address in addresses(records):
        answer = everyone.get(address)
        for title in re.findall(r"<title>(.*?)</title>", answer.text, re.DOTALL):
            assert not any(word in title for word in known), address


@pytest.mark.parametrize(
    "address", ["/sign-in", "/nowhere", "/static/nothing.css", "/api/v1/peers", "/health"]
)
def test_who_came_over_tls_is_told_to_stay_with_it(world: World, address: str) -> None:
    reader = Reader(world.shelter)
    for base, is_told in (
        ("https://shelter.example", True),
        ("http://shelter.example", False),
        ("https://localhost:8443", False),
    ):
        reader.http.base_url = base
        told = reader.get(address).headers.get("strict-transport-security", "")
        assert told == ("max-age=31536000; includeSubDomains" if is_told else ""), base
