"""Spreadsheets that somebody made to break something."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from tests.conftest import MORNING
from tests.integration.web.spreadsheets import ROWS, path_after, uploaded, workbook
from tests.pages import Reader, World, copied, make_world, words

from iars_node.clock import SetClock
from iars_node.web.uploads import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = "<script>alert(1)</script>"
BILLION = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("uploads"), SetClock(MORNING), copied(sqlite_template))
    yield made
    made.close()


@pytest.fixture
def besa(world: World) -> Reader:
    return Reader(world.shelter).enter()


def changed(**parts: bytes) -> bytes:
    """Return a sound spreadsheet with some parts put in or replaced."""
    buffer = BytesIO()
    names = {name.replace("__", "/").replace("_DOT_", "."): content for name, content in parts.items()}
    with ZipFile(BytesIO(workbook(*ROWS))) as sound, ZipFile(buffer, "w", ZIP_DEFLATED) as made:
        for part in sound.namelist():
            if part not in names:
                made.writestr(part, sound.read(part))
        for name, content in names.items():
            made.writestr(name, content)
    return buffer.getvalue()


def overstated() -> bytes:
    """Return a spreadsheet whose directory claims a part of four gigabytes."""
    content = bytearray(workbook(*ROWS))
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 0xFFFFFFF0)
    return bytes(content)


HOSTILE = {
    "nothing": (b"", "Choose a spreadsheet."),
    "text": (b"name;number\nAna;1", "not a spreadsheet of the form .xlsx"),
    "page": (b"<html><script>alert(1)</script></html>", "not a spreadsheet of the form .xlsx"),
    "old": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "old or locked spreadsheet"),
    "other-zip": (None, "not a spreadsheet of the form .xlsx"),
    "cut": (workbook(*ROWS)[:900], "not a spreadsheet of the form .xlsx"),
    "macro": (changed(xl__vbaProject_DOT_bin=b"Auto_Open"), "holds macros"),
    "old-macro": (changed(xl__macrosheets__sheet1_DOT_xml=b"<x/>"), "holds macros"),
    "bomb": (changed(xl__media__a_DOT_bin=b"\0" * 40_000_000), None),
    "large": (changed(**{f"xl__a{n}_DOT_bin": b"ab" * 20_000_000 for n in range(8)}), "unpacks to more"),
    "overstated": (overstated(), "unpacks to more"),
    "many": (changed(**{f"xl__a{n}_DOT_bin": b"" for n in range(2100)}), "unpacks to more"),
    "entities": (changed(xl__workbook_DOT_xml=BILLION), "can&#39;t be read"),
    "outside": (changed(xl__workbook_DOT_xml=OUTSIDE), "can&#39;t be read"),
    "strings": (changed(xl__sharedStrings_DOT_xml=BILLION), "can&#39;t be read"),
    "long": (workbook(*([["2026/1"]] * 5001)), "more rows than a page takes in"),
    "no-headers": (workbook(headers=["a", "b"]), "No row of headers was found"),
}


def other_zip() -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as made:
        made.writestr("../../etc/passwd", "root")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_plain_spreadsheet_is_refused_in_a_sentence(besa: Reader, kind: str) -> None:
    content, sentence = HOSTILE[kind]
    answer = uploaded(besa, other_zip() if content is None else content)
    if sentence is None:
        assert answer.status_code in (303, 422)
        return
    assert answer.status_code == 422
    assert sentence in answer.text, words(answer.text)


def test_a_file_that_is_too_large_is_not_read_to_its_end(besa: Reader) -> None:
    answer = uploaded(besa, b"a" * (MOST_BYTES + 1))
    assert answer.status_code == 413
    assert "too long" in words(answer.text)
    assert answer.headers["content-type"].startswith("text/html")


def test_nobody_uploads_without_signing_in_or_without_the_sessions_token(world: World, besa: Reader) -> None:
    stranger = Reader(world.shelter)
    stranger.get("/sign-in")
    answer = stranger.http.post(
        "/imports", data={"csrf": stranger.token}, files={"file": ("a.xlsx", workbook(*ROWS))}
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    for token in ("", "0" * 64):
        answer = besa.http.post("/imports", data={"csrf": token}, files={"file": ("a.xlsx", workbook(*ROWS))})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\nContent-Disposition: form-data\r\n\r\n", b"\xff" * 100], ids=repr
)
def test_a_form_that_can_t_be_parted_is_refused(besa: Reader, body: bytes) -> None:
    answer = besa.http.post(
        "/imports", content=body, headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code in (403, 422)
    answer = besa.http.post("/imports", content=body, headers={"content-type": "multipart/form-data"})
    assert answer.status_code in (403, 422)


def test_a_file_s_name_and_its_cells_become_no_markup(world: World, besa: Reader) -> None:
    rows: list[object] = [SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT]
    headers = [f"{SCRIPT}{number}" for number in range(4)] + ["First name", "Surname"]
    path = path_after(uploaded(besa, workbook(rows, headers=headers), name=f"{SCRIPT}.xlsx"))
    pages = [besa.get(f"{path}/columns")]
    typed = {"column.0": "File number", "column.1": "Identity: Date of birth", "name": SCRIPT}
    pages.append(besa.post(f"{path}/columns", {**typed, "column.2": SCRIPT}))
    besa.post(f"{path}/columns", typed)
    world.shelter.run_jobs()
    pages += [besa.get(path), besa.get(f"{path}/columns"), besa.get("/imports"), besa.get("/")]
    assert any("&lt;script&gt;" in page.text for page in pages)
    for page in pages:
        assert SCRIPT not in page.text


def test_what_is_typed_into_drafts_and_filters_becomes_no_markup(besa: Reader) -> None:
    evil = SCRIPT + "\"'><img src=x onerror=alert(1)>"
    besa.get("/intake")
    begun = besa.post(
        "/intake", {"identity.alias": evil, "contact.phone": evil, "demographics.languages": evil}
    )
    whole = besa.post("/intake", {"identity.alias": evil})
    path = whole.headers["location"].removesuffix("/need")
    pages = [begun, besa.get(f"{path}/person")]
    pages.append(besa.post(f"{path}/need", {"service": evil, "priority": evil, "services.constraints": evil}))
    pages.append(besa.post(f"{path}/person", {"identity.alias": evil + "2", "version": "99"}))
    pages.append(besa.post("/cases/filters", {"name": evil[:60], "text": evil}))
    pages += [
        besa.get("/"),
        besa.get("/cases"),
        besa.post("/cases/filters", {"name": evil * 3, "text": evil}),
    ]
    opened = besa.post("/cases/new", {"identity.alias": evil, "external_number": evil, "go": "on"})
    pages.append(besa.get(opened.headers["location"].replace("/about", "/check")))
    assert any("&lt;script&gt;" in page.text for page in pages)
    for page in pages:
        assert SCRIPT not in page.text
        assert "<img" not in page.text
