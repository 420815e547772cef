"""Attachments on pages: what is taken, what is refused, and how what was brought leaves again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.federation.neighbours import settle
from tests.pages import Reader, World, copied, make_world, words

from iars_node.attachments import service as attachments
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.errors import NotFoundError
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from httpx2 import Response

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock

PDF = b"%PDF-1.7 made up"
ZIP = b"PK\x03\x04 made up"


def bring(reader: Reader, case: Case, name: str, content: bytes, **typed: str) -> Response:
    """Send a form with a file, the session's token first, as the page does."""
    fields = {"csrf": reader.token, "scope": "identity", **typed}
    return reader.http.post(
        f"/cases/{case.id}/attachments", data=fields, files={"file": (name, content, "text/html")}
    )


def kept(world: World, case: Case) -> list[tuple[str, str]]:
    with world.shelter.node.works.read(SYSTEM) as work:
        found = attachments.list_attachments(work, case.id)
    return [(each.content.name, each.content.media_type) for each in found if each.content]


def files_in(world: World) -> int:
    return len([path for path in world.shelter.node.folder.root.rglob("*") if path.is_file()])


def test_a_file_is_kept_listed_saved_and_removed(either_world: World) -> None:
    world = either_world
    case = world.shelter.open_case()
    besa = Reader(world.shelter).enter()
    path = f"/cases/{case.id}/attachments"
    assert path in besa.get(f"/cases/{case.id}").text
    assert "No file is kept" in words(besa.get(path).text)
    assert bring(besa, case, "passport.pdf", PDF).headers["location"] == f"{path}?done=added"
    assert kept(world, case) == [("passport.pdf", "application/pdf")]
    with world.shelter.node.works.read(SYSTEM) as work:
        (one,) = attachments.list_attachments(work, case.id)
    assert "passport.pdf" in besa.get(path).text
    saved = besa.get(f"{path}/{one.id}")
    assert saved.content == PDF
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"] == "attachment; filename*=UTF-8''passport.pdf"
    assert saved.headers["x-content-type-options"] == "nosniff"
    assert saved.headers["content-security-policy"].endswith("; sandbox")
    with world.shelter.node.works.read(SYSTEM) as work:
        events = audit_store.page(work.connection, AuditFilter(action="attachment.read")).events
    assert [event.event.subject for event in events] == [one.id]
    assert "Opened a file" in words(besa.get(f"/cases/{case.id}").text)
    other = world.shelter.open_case()
    assert besa.get(f"/cases/{other.id}/attachments/{one.id}").status_code == 404
    assert besa.post(f"{path}/{one.id}/remove").headers["location"] == f"{path}?done=removed"
    assert kept(world, case) == []
    assert files_in(world) == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("picture.svg", b"<svg onload=alert(1)>"),
        ("passport.pdf", b"MZ\x90\x00 a program"),
        ("passport.pdf.exe", PDF),
        ("letter.txt", b"text\x00with a zero"),
        ("letter.docx", PDF),
        ("no ending", PDF),
        ("empty.pdf", b""),
    ],
    ids=str,
)
def test_what_is_not_what_it_is_called_is_refused_and_nothing_stays(
    world: World, besa: Reader, name: str, content: bytes
) -> None:
    case = world.shelter.open_case()
    answer = bring(besa, case, name, content)
    assert answer.status_code == 422
    assert 'href="#f-file"' in answer.text
    assert 'value="identity" selected' in answer.text, "what was chosen is kept"
    assert kept(world, case) == []
    assert files_in(world) == 0


@pytest.mark.parametrize(
    ("name", "as_kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\a\\scan.txt", "scan.txt"),
        ("picture\u202efdp.txt", "picturefdp.txt"),
        ("<script>alert(1)</script>.txt", "script>.txt"),
        ("جواز سفر.txt", "جواز سفر.txt"),
        (f"{'long' * 100}.txt", f"{('long' * 100)[:196]}.txt"),
    ],
    ids=str,
)
def test_a_hostile_name_is_made_harmless(world: World, besa: Reader, name: str, as_kept: str) -> None:
    case = world.shelter.open_case()
    assert bring(besa, case, name, b"some text").status_code == 303
    assert kept(world, case) == [(as_kept, "text/plain")]
    page = besa.get(f"/cases/{case.id}/attachments").text
    assert "<script>alert" not in page


def test_without_the_sessions_token_no_file_is_taken(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    path = f"/cases/{case.id}/attachments"
    file = {"file": ("a.pdf", PDF, "application/pdf")}
    assert besa.http.post(path, data={"csrf": "0" * 64, "scope": "identity"}, files=file).status_code == 403
    assert besa.http.post(path, files=file).status_code == 403
    token_last = (
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7\r\n'
        b'--x\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n' + besa.token.encode() + b"\r\n--x--\r\n"
    )
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert besa.http.post(path, content=token_last, headers=form).status_code == 403
    assert (
        besa.http.post(path, content=b"nonsense", headers={"content-type": "multipart/form-data"}).status_code
        == 403
    )
    assert files_in(world) == 0


def test_without_a_part_the_file_is_asked_for_again(world: World, besa: Reader) -> None:
    case = world.shelter.open_case()
    answer = bring(besa, case, "passport.pdf", PDF, scope="")
    assert answer.status_code == 422
    for said in ("Choose from the list.", "Choose the file again; a browser does not keep it."):
        assert said in answer.text
    assert files_in(world) == 0


def test_a_file_that_is_too_large_leaves_nothing(
    tmp_path: Path, clock: SetClock, sqlite_template: Path
) -> None:
    small = make_world(tmp_path, clock, copied(sqlite_template), attachment_bytes=64 * 1024)
    case = small.shelter.open_case()
    answer = bring(Reader(small.shelter).enter(), case, "large.pdf", PDF + b"a" * 64 * 1024)
    assert answer.status_code == 422
    assert "larger than this node takes" in answer.text
    assert files_in(small) == 0
    small.close()


def test_a_role_brings_and_sees_what_its_parts_hold(
    world: World, besa: Reader, visitor: Callable[..., Reader]
) -> None:
    case = world.shelter.open_case()
    assert bring(besa, case, "passport.pdf", PDF).status_code == 303
    mira = visitor("mira")
    assert "passport.pdf" not in mira.get(f"/cases/{case.id}/attachments").text
    assert bring(mira, case, "passport.pdf", PDF).status_code == 403
    with world.shelter.node.works.read(SYSTEM) as work:
        (one,) = attachments.list_attachments(work, case.id)
    assert mira.get(f"/cases/{case.id}/attachments/{one.id}").status_code == 404
    assert mira.post(f"/cases/{case.id}/attachments/{one.id}/remove").status_code == 404
    assert visitor("ilir").get(f"/cases/{case.id}/attachments").status_code == 403
    assert files_in(world) == 1


async def test_a_file_goes_along_with_a_referral_and_is_saved_there(either_world: World) -> None:
    world = either_world
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission)
    besa = Reader(world.shelter).enter()
    bring(besa, case, "passport.pdf", PDF)
    bring(besa, case, "threat.txt", b"some text", scope="safety")
    with world.shelter.node.works.read(SYSTEM) as work:
        files = {
            each.content.name: each.id for each in attachments.list_attachments(work, case.id) if each.content
        }
    path = f"/cases/{case.id}/refer"
    typed = {
        "service": "MED-SCREEN",
        "priority": "urgent",
        "peer": world.mission.id.hex(),
        "consent": given.id,
        "file": [files["passport.pdf"]],
    }
    shown = besa.post(f"{path}/check", typed).text
    assert "threat.txt" not in shown, "the person did not agree to share that part"
    assert "passport.pdf" in shown[shown.index("column later") : shown.index("column never")]
    mark = re.findall(r'name="shown" value="([0-9a-f]{64})"', shown)[0]
    without = besa.post(f"{path}/send", {**typed, "shown": mark, "file": []})
    assert without.status_code == 422, "nothing goes that was not shown, and nothing less"
    sent = (
        besa.post(f"{path}/send", {**typed, "shown": mark}).headers["location"].split("/")[-1].split("?")[0]
    )
    await settle(world.shelter, world.mission)
    world.mission.act(referrals.accept, sent)
    await settle(world.shelter, world.mission)
    theirs = Reader(world.mission).enter()
    there = world.mission.referral(sent).case_id
    assert f'href="/cases/{there}/attachments"' in theirs.get(f"/referrals/{sent}").text
    page = theirs.get(f"/cases/{there}/attachments").text
    assert "passport.pdf" in page
    assert "Still on its way" in words(page)


def test_a_file_of_another_case_goes_nowhere(world: World, besa: Reader) -> None:
    case, other = world.shelter.open_case(), world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission)
    bring(besa, other, "passport.pdf", PDF)
    with world.shelter.node.works.read(SYSTEM) as work:
        (foreign,) = attachments.list_attachments(work, other.id)
    typed = {
        "service": "MED-SCREEN",
        "priority": "urgent",
        "peer": world.mission.id.hex(),
        "consent": given.id,
        "file": [foreign.id],
    }
    assert "passport.pdf" not in besa.post(f"/cases/{case.id}/refer/check", typed).text
    with pytest.raises(NotFoundError):
        world.shelter.refer(case, given, world.mission, attachments=(foreign.id,))
