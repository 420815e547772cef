"""What somebody could try against the pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.conftest import MORNING
from tests.federation.neighbours import settle
from tests.pages import PASSWORD, Reader, World, add_account, copied, everybodys_hash, make_world

from iars_node.accounts import store as account_store
from iars_node.accounts.access import ROLES
from iars_node.clock import SetClock
from iars_node.web.desk import MOST_BYTES
from iars_node.web.routes import entries
from iars_node.work import SYSTEM
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from iars_node.web.pages import Entry

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = "\"'><img src=x onerror=alert(1)>"
HEADERS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
POLICY = {
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}
GUARDED = [entry for entry in entries() if entry.action != "anyone"]
FORMS = [entry for entry in entries() if entry.method == "POST"]
BY_ACTION = [entry for entry in GUARDED if entry.action != "signed-in"]


def named(entry: Entry) -> str:
    return entry.name


def path_of(entry: Entry) -> str:
    none = dict.fromkeys(
        (
            "alarm_id",
            "attachment_id",
            "case_id",
            "consent_id",
            "correction_id",
            "draft_id",
            "exception_id",
            "hold_id",
            "onward_id",
            "opening_id",
            "other_id",
            "referral_id",
            "report_id",
            "task_id",
        ),
        "0" * 32,
    )
    return entry.path.format(**none, scope="services", step="need")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    """Two organisations for the whole module: these tests change nothing that others look at."""
    made = make_world(tmp_path_factory.mktemp("security"), SetClock(MORNING), copied(sqlite_template))
    for role in ROLES:
        add_account(made.shelter, f"only-{role}", "Somebody", role, everybodys_hash())
    yield made
    made.close()


@pytest.fixture
def besa(world: World) -> Reader:
    return Reader(world.shelter).enter()


def ask(reader: Reader, entry: Entry, **headers: str) -> Response:
    return (
        reader.get(path_of(entry), **headers)
        if entry.method == "GET"
        else reader.post(path_of(entry), None, **headers)
    )


@pytest.mark.parametrize("entry", GUARDED, ids=named)
def test_nobody_reaches_a_page_without_signing_in(world: World, entry: Entry) -> None:
    stranger = Reader(world.shelter)
    stranger.get("/sign-in")
    answer = ask(stranger, entry)
    assert answer.status_code == 303
    assert answer.headers["location"].split("?")[0] == "/sign-in"
    assert answer.text == ""


@pytest.fixture(scope="module")
def readers(world: World) -> dict[str, Reader]:
    """Somebody with each one role."""
    found = {}
    for role in ROLES:
        found[role] = Reader(world.shelter).enter(f"only-{role}")
    return found


@pytest.mark.parametrize("entry", BY_ACTION, ids=named)
def test_a_role_without_the_action_is_refused(readers: dict[str, Reader], entry: Entry) -> None:
    for role, reader in readers.items():
        answer = ask(reader, entry)
        if entry.action in ROLES[role].actions:
            assert answer.status_code != 403, role
        else:
            assert answer.status_code == 403, role
            assert "Your roles do not allow this" in answer.text


@pytest.mark.parametrize("entry", FORMS, ids=named)
def test_a_form_without_the_sessions_token_is_refused(besa: Reader, entry: Entry) -> None:
    for token in ("", "0" * 64, besa.token[:-1], "ü"):
        answer = besa.http.post(path_of(entry), data={"csrf": token})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://elsewhere.example"},
        {"origin": "http://localhost.elsewhere.example"},
    ],
    ids=str,
)
def test_a_form_from_another_site_is_refused_even_with_the_token(
    besa: Reader, headers: dict[str, str]
) -> None:
    assert besa.post("/sign-out", None, **headers).status_code == 403
    assert besa.get("/me").status_code == 200


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "null"}, {}], ids=str)
def test_a_form_of_ones_own_page_is_taken(besa: Reader, headers: dict[str, str]) -> None:
    assert besa.post("/sign-out", None, **headers).status_code == 303


def test_the_token_of_one_session_is_worth_nothing_in_another(world: World, besa: Reader) -> None:
    other = Reader(world.shelter).enter("mira")
    assert besa.http.post("/sign-out", data={"csrf": other.token}).status_code == 403


def test_a_token_planted_before_the_sign_in_does_not_become_a_session(world: World) -> None:
    planted = "A" * 43
    reader = Reader(world.shelter)
    reader.http.cookies.set("iars-session", planted, domain="localhost.local", path="/")
    reader.sign_in()
    tokens = [cookie.value for cookie in reader.http.cookies.jar if cookie.name == "iars-session"]
    assert planted not in tokens
    thief = Reader(world.shelter)
    thief.http.cookies.set("iars-session", planted, domain="localhost.local", path="/")
    assert thief.get("/").status_code == 303


def test_signing_in_again_ends_the_session_that_the_browser_brought(world: World, besa: Reader) -> None:
    before = dict(besa.http.cookies)
    besa.get("/sign-in")
    page = besa.http.get("/me")
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert token
    besa.http.post("/sign-in", data={"csrf": token[1], "name": "besa", "password": PASSWORD, "next": "/"})
    old = Reader(world.shelter)
    old.http.cookies.update(before)
    assert old.get("/").status_code == 303


@pytest.mark.parametrize(
    "target",
    ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"],
)
def test_signing_in_leads_to_no_other_site(world: World, target: str) -> None:
    reader = Reader(world.shelter)
    reader.get("/sign-in")
    answer = reader.post("/sign-in", {"name": "mira", "password": PASSWORD, "next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert reader.http.get("/sign-in", params={"next": target}).headers["location"] == "/"
    reader.get("/me")
    chosen = reader.post("/language", {"language": "fr", "next": target})
    assert chosen.headers["location"] == "/"


def test_cookies_are_strict_and_for_the_server_alone(world: World) -> None:
    reader = Reader(world.shelter)
    first = reader.get("/sign-in").headers["set-cookie"]
    entered = reader.post("/sign-in", {"name": "besa", "password": PASSWORD})
    for line in (first, *entered.headers.get_list("set-cookie")):
        lowered = line.lower()
        assert "httponly" in lowered
        assert "samesite=strict" in lowered
        assert "path=/" in lowered
        assert "domain" not in lowered


def test_over_tls_cookies_are_bound_to_this_very_host(world: World) -> None:
    reader = Reader(world.shelter)
    reader.http.base_url = "https://shelter.example"
    line = reader.get("/sign-in").headers["set-cookie"]
    assert line.startswith("__Host-iars-visit=")
    assert "; secure" in line.lower()


def test_over_plain_http_from_outside_no_cookie_is_kept(world: World) -> None:
    reader = Reader(world.shelter)
    reader.http.base_url = "http://192.0.2.7"
    line = reader.get("/sign-in").headers["set-cookie"]
    assert "; secure" in line.lower()


@pytest.mark.parametrize("entry", entries(), ids=named)
def test_every_answer_keeps_to_itself(readers: dict[str, Reader], world: World, entry: Entry) -> None:
    if entry.path in ("/sign-out", "/leave", "/lock"):
        reader = Reader(world.shelter).enter()
    else:
        reader = readers["case-worker"]
    answer = ask(reader, entry)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, name
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "<script>" not in answer.text
    assert not re.search(r"<[^>]+\son\w+=|<[^>]+\sstyle=|<style", answer.text)


def test_files_are_kept_for_long_under_an_address_that_names_their_content(besa: Reader) -> None:
    page = besa.get("/").text
    addresses = re.findall(r'"(/static/[^"#]+)', page)
    assert len(set(addresses)) == 6
    for address in set(addresses):
        answer = besa.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for wrong in ("style.css", "style.000000000000.css", "..%2fbase.html"):
        assert besa.get(f"/static/{wrong}").status_code == 404


def test_a_form_longer_than_any_honest_one_is_refused(besa: Reader) -> None:
    answer = besa.http.post("/cases/new", content=b"csrf=" + b"a" * MOST_BYTES)
    assert answer.status_code == 413
    assert "The form is too long" in answer.text


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"a=%ff", b"&".join([b"a=1"] * 4000)], ids=["bytes", "utf", "many"]
)
def test_a_form_that_can_t_be_read_is_refused(besa: Reader, body: bytes) -> None:
    assert besa.http.post("/cases/new", content=body).status_code == 422


def test_nothing_that_was_typed_becomes_markup(besa: Reader) -> None:
    """Write a script into every text of a case, and look at every page that shows it."""
    evil = SCRIPT + ATTRIBUTE
    besa.get("/cases/new")
    made = besa.post(
        "/cases/new", {"identity.alias": evil, "identity.given_name": evil, "external_number": evil[:90]}
    )
    path = made.headers["location"].split("?")[0]
    for scope in SCOPES.values():
        typed = {
            f"{scope.code}.{field.name}": evil
            for field in scope.fields.values()
            if field.kind in ("text", "long-text", "words") and not field.derived
        }
        page = besa.get(f"{path}/scopes/{scope.code}")
        version = re.search(r'name="version" value="(\d+)"', page.text)
        assert version
        saved = besa.post(f"{path}/scopes/{scope.code}", {**typed, "version": version[1]})
        assert saved.status_code == 303, scope.code
        besa.post(f"{path}/note", {"scope": scope.code, "text": evil})
    pages = [besa.get(f"{path}?open={code}") for code in SCOPES]
    pages += [besa.get(f"{path}/scopes/{code}") for code in SCOPES]
    pages += [besa.get("/cases"), besa.post("/cases/search", {"text": evil})]
    pages += [besa.post("/cases/new", {"identity.alias": evil, "identity.birth_date": evil})]
    assert any("&lt;script&gt;" in page.text for page in pages)
    for page in pages:
        assert SCRIPT not in page.text
        assert "<img" not in page.text


async def test_what_another_organisation_wrote_does_not_become_markup(world: World, besa: Reader) -> None:
    evil = SCRIPT + ATTRIBUTE
    case = world.mission.open_case({"services": {"constraints": [evil]}, "identity": {"given_name": evil}})
    given = world.mission.give_consent(case, world.shelter, scopes=("services", "identity"), reasons=evil)
    sent = world.mission.refer(case, given, world.shelter, texts=(("services", evil),))
    await settle(world.mission, world.shelter)
    besa.get(f"/referrals/{sent.id}/accept")
    besa.post(f"/referrals/{sent.id}/accept", {"remark": evil})
    await settle(world.mission, world.shelter)
    other = Reader(world.mission).enter()
    pages = [besa.get(f"/referrals/{sent.id}"), besa.get("/"), besa.get("/referrals")]
    pages += [
        other.get(f"/referrals/{sent.id}"),
        other.get(f"/consents/{given.id}"),
        other.get(f"/cases/{case.id}"),
    ]
    assert all("&lt;script&gt;" in pages[place].text for place in (0, 3, 4))
    for page in pages:
        assert SCRIPT not in page.text
        assert "<img" not in page.text


def test_the_log_of_a_search_holds_no_word_of_it(world: World, besa: Reader) -> None:
    besa.get("/cases")
    besa.post("/cases/search", {"text": "Zamira"})
    with world.shelter.node.works.read(SYSTEM) as work:
        rows = work.connection.exec_driver_sql("SELECT * FROM audit_event ORDER BY seq DESC LIMIT 5").all()
        assert account_store.accounts(work.connection)
    assert "case.searched" in str(rows)
    assert "Zamira" not in str(rows)


def test_a_page_that_breaks_is_calm_and_tells_nothing(
    besa: Reader, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("Elira Hoxha")

    monkeypatch.setattr("iars_node.cases.service.list_cases", broken)
    answer = besa.get("/cases")
    assert answer.status_code == 500
    assert "Something went wrong here. Nothing was saved" in answer.text
    logged = capsys.readouterr()
    assert "RuntimeError" in logged.out + logged.err
    assert "Elira" not in answer.text + logged.out + logged.err


def test_while_the_node_is_locked_pages_say_so(
    tmp_path: Path, clock: SetClock, sqlite_template: Path
) -> None:
    made = make_world(tmp_path, clock, copied(sqlite_template), training=True)
    reader = Reader(made.shelter).enter()
    assert "TRAINING" in reader.get("/").text
    case = made.shelter.open_case()
    made.shelter.node.vault.lock()
    answer = reader.get(f"/cases/{case.id}")
    assert answer.status_code == 503
    assert "an administrator must unlock the node" in answer.text
    made.close()
