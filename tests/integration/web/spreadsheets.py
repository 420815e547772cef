"""Spreadsheets as people keep them, and how one is uploaded."""

from __future__ import annotations

import re
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

from openpyxl import Workbook
from tests.pages import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from httpx2 import Response
    from tests.pages import Reader

HEADERS = ["No.", "First name", "Surname", "Born", "Nationality", "Remarks"]
ROWS: list[list[object]] = [
    ["2026/1", "Ana", "Munteanu", date(1999, 5, 2), "Moldova", "comes on Mondays"],
    ["2026/2", "Elira", "Hoxha", "2004", "Albania", ""],
]


def workbook(*rows: Sequence[object], headers: list[str] | None = None) -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = "Cases"
    sheet.append(headers or HEADERS)
    for row in rows:
        sheet.append(list(row))
    buffer = BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def uploaded(reader: Reader, content: bytes, name: str = "list.xlsx") -> Response:
    reader.get("/imports")
    return reader.http.post("/imports", data={"csrf": reader.token}, files={"file": (name, content)})


def path_after(answer: Response) -> str:
    assert answer.status_code == 303, words(answer.text)
    found = re.fullmatch(r"(/imports/[0-9a-f]{32})/columns", answer.headers["location"])
    assert found
    return found[1]
