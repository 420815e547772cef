"""Opening a workbook: its sheets as streams of rows, whatever its author did to it."""

from __future__ import annotations

import warnings
import zlib
from contextlib import contextmanager
from itertools import islice
from typing import IO, TYPE_CHECKING, TypeAlias
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from iars_node.cases.spreadsheet.headers import HEADER_WITHIN
from iars_node.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openpyxl.workbook import Workbook

Cells: TypeAlias = "tuple[object, ...]"
Source: TypeAlias = "Path | IO[bytes]"
"""A file on disk, or one that was uploaded and never stands on a disk in the open."""

MOST_ROWS = 200_000

# What the library lets through when a file is not what it says; it documents none of it.
_FOREIGN = (
    BadZipFile, ParseError, zlib.error, OSError, EOFError,
    KeyError, IndexError, ValueError, TypeError, AttributeError,
)  # fmt: skip


class Sheets:
    """The sheets of an open workbook."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self.names: tuple[str, ...] = tuple(sheet.title for sheet in workbook.worksheets)

    def rows(self, name: str) -> Iterator[tuple[int, Cells]]:
        """Yield a sheet's rows with their numbers as the spreadsheet program counts them."""
        sheet = self._workbook[name]
        with _understood():
            # The size that a file claims for its sheets is often wrong, and rows beyond it would be lost.
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                if number > MOST_ROWS:
                    raise InvalidError(
                        "The sheet is too long.", {name[:31]: f"accepted: up to {MOST_ROWS} rows"}
                    )
                yield number, cells

    def top(self, name: str) -> list[Cells]:
        """Return the rows among which a header may stand."""
        return [cells for _number, cells in islice(self.rows(name), HEADER_WITHIN)]


@contextmanager
def open_workbook(path: Source) -> Iterator[Sheets]:
    """Open an .xlsx file for reading as a stream. A formula counts as the value that was last computed."""
    # Imported late: few processes ever read a spreadsheet.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    with _understood(), warnings.catch_warnings():
        # It warns of drop-downs and styles that it leaves out; only values matter here.
        warnings.simplefilter("ignore")
        try:
            workbook = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        except InvalidFileException as error:
            raise InvalidError(
                "This is not a spreadsheet of the form .xlsx.", {"file": "accepted: .xlsx"}
            ) from error
    try:
        yield Sheets(workbook)
    finally:
        workbook.close()


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except _FOREIGN as error:
        raise InvalidError(
            "The spreadsheet can't be read.", {"file": "accepted: a sound .xlsx file"}
        ) from error
