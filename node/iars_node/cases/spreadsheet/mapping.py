"""Mappings of people's own spreadsheets: suggested, saved as TOML or JSON, read again."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from iars_node.cases.spreadsheet.cells import CellReader, cell_text
from iars_node.cases.spreadsheet.headers import find_header_row, folded, suggest
from iars_node.cases.spreadsheet.meanings import WORDED, with_own_words
from iars_node.cases.spreadsheet.model import ColumnMapping, DateOrder, SheetMapping
from iars_node.cases.spreadsheet.targets import check_target, importable_fields
from iars_node.cases.spreadsheet.workbook import open_workbook
from iars_node.errors import InvalidError
from iars_protocol.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iars_node.cases.spreadsheet.workbook import Source

MOST_COLUMNS = 200
_LONGEST_SAMPLE = 60
_COLUMN_NAMES = frozenset({"header", "target", "separator", "date_format", "values"})
_HEAD = """\
# How the columns of a spreadsheet become fields. Look at every one; take out those that are not to be read.
#   target   what a column fills; `iars case fields` lists what there is, `iars case fields TARGET` its codes
#   values   what your own words stand for: "Albanian" = "AL"; "" is still to be said
#   separator, date_format   where entries of a list, or dates, are written in another way: "/", "%d %B %Y"
# It may hold words of your file: keep it as you keep that.

"""
_NAMES = frozenset({"sheets", "header_row", "date_order", "column"})


@dataclass(frozen=True, slots=True)
class Look:
    """A spreadsheet at first sight: its headers, an example of what stands below each, and a guess."""

    headers: tuple[str, ...]
    samples: tuple[str, ...] = field(repr=False)
    mapping: SheetMapping


def suggest_mapping(path: Path) -> SheetMapping:
    """Suggest how columns become fields, and what words in them may mean; a person reviews it."""
    with open_workbook(path) as sheets:
        for name in sheets.names:
            top = sheets.top(name)
            found = find_header_row(top, None)
            if found is not None:
                mapping = SheetMapping(suggest(top[found], also_similar=True), (name,), found + 1)
                below = (cells for number, cells in sheets.rows(name) if number > found + 1)
                return with_own_words(mapping, top[found], below)
    raise InvalidError(
        "No row of headers was found in the spreadsheet.", {"file": "accepted: headers in a row"}
    )


def look_at(source: Source) -> Look:
    """Return a spreadsheet's headers, with what stands below each and what it most likely means."""
    with open_workbook(source) as sheets:
        for name in sheets.names:
            top = sheets.top(name)
            found = find_header_row(top, None)
            if found is None:
                continue
            mapping = SheetMapping(suggest(top[found], also_similar=True), (name,), found + 1)
            headers = [(place, str(cell).strip()) for place, cell in enumerate(top[found]) if folded(cell)]
            samples = tuple(_sample(top[found + 1 :], place) for place, _header in headers)
            return Look(tuple(header for _place, header in headers)[:MOST_COLUMNS], samples, mapping)
    raise InvalidError(
        "No row of headers was found in the spreadsheet.", {"file": "accepted: headers in a row"}
    )


def _sample(rows: Sequence[Sequence[object]], place: int) -> str:
    texts = (cell_text(row[place]) for row in rows if place < len(row))
    return next((text[:_LONGEST_SAMPLE] for text in texts if text), "")


def plain_mapping(mapping: SheetMapping) -> dict[str, Any]:
    """Return a mapping as plain values that `read_mapping` reads again."""
    return _plain(mapping)


def save_mapping(mapping: SheetMapping, path: Path) -> None:
    """Write a mapping as JSON, or as TOML when the file's name ends in .toml."""
    plain = _plain(mapping)
    text = (
        _HEAD + _toml(plain)
        if path.suffix == ".toml"
        else json.dumps(plain, ensure_ascii=False, indent=2) + "\n"
    )
    path.write_text(text, "utf-8")


def load_mapping(path: Path) -> SheetMapping:
    """Read a mapping from TOML or JSON; one that can't be used is refused with its faults."""
    text = path.read_text("utf-8")
    try:
        plain = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise InvalidError("The mapping can't be read.", {"mapping": "accepted: TOML or JSON"}) from error
    return read_mapping(plain)


def read_mapping(plain: object) -> SheetMapping:
    """Read a mapping from plain values."""
    content = _table(plain, _NAMES, "mapping")
    order = content.get("date_order", "dmy")
    if order not in get_args(DateOrder):
        raise InvalidError(
            "The mapping's date order is not known.", {"date_order": "accepted: dmy, mdy, ymd"}
        )
    header_row = content.get("header_row")
    if header_row is not None and (type(header_row) is not int or header_row < 1):
        raise InvalidError(
            "The mapping's header row is not a row.", {"header_row": "accepted: a row's number"}
        )
    columns = content.get("column", [])
    sheets = content.get("sheets", [])
    if not isinstance(columns, list) or not columns:
        raise InvalidError("The mapping has no columns.", {"column": "accepted: at least one"})
    if not isinstance(sheets, list) or not all(isinstance(sheet, str) for sheet in sheets):
        raise InvalidError("The mapping's sheets are not names.", {"sheets": "accepted: a list of names"})
    mapping = SheetMapping(tuple(_column(entry) for entry in columns), tuple(sheets), header_row, order)
    _check_targets(mapping)
    for column in mapping.columns:
        _check_values(column)
    return mapping


def _column(entry: object) -> ColumnMapping:
    content = _table(entry, _COLUMN_NAMES, "column")
    values = content.pop("values", {})
    if not isinstance(values, dict) or not all(
        isinstance(text, str) for text in (*content.values(), *values.values())
    ):
        raise InvalidError("A column of the mapping has another form.", {"column": "accepted: texts"})
    if not content.get("header") or not content.get("target"):
        raise InvalidError(
            "A column of the mapping lacks its header or target.", {"column": "header and target"}
        )
    return ColumnMapping(**content, values=values)


def _table(value: object, names: frozenset[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() - names:
        raise InvalidError("The mapping has another form.", {what: f"accepted: {', '.join(sorted(names))}"})
    return dict(value)


def _check_targets(mapping: SheetMapping) -> None:
    seen: set[str] = set()
    for column in mapping.columns:
        check_target(column.target)
        if column.target in seen:
            raise InvalidError("Two columns fill the same field.", {column.target: "accepted: one column"})
        seen.add(column.target)


def _check_values(column: ColumnMapping) -> None:
    field = importable_fields().get(column.target)
    if field is None or field.kind not in WORDED:
        return
    reader = CellReader(field, ColumnMapping(column.header, column.target), "dmy", "")
    for value in filter(None, column.values.values()):
        try:
            reader.read(value)
        except FieldError as error:
            raise InvalidError(
                "The mapping gives words a meaning that its field does not have.",
                {column.target: f"“{value[:80]}”: {error}"},
            ) from error


def _plain(mapping: SheetMapping) -> dict[str, Any]:
    plain: dict[str, Any] = {"sheets": list(mapping.sheets), "date_order": mapping.date_order}
    if mapping.header_row is not None:
        plain["header_row"] = mapping.header_row
    plain["column"] = [_plain_column(column) for column in mapping.columns]
    return plain


def _plain_column(column: ColumnMapping) -> dict[str, Any]:
    plain: dict[str, Any] = {"header": column.header, "target": column.target}
    for name in ("separator", "date_format"):
        if text := getattr(column, name):
            plain[name] = text
    if column.values:
        plain["values"] = dict(column.values)
    return plain


def _toml(plain: dict[str, Any]) -> str:
    lines = [f"{name} = {_toml_value(plain[name])}" for name in plain if name != "column"]
    for column in plain["column"]:
        lines += ["", "[[column]]"]
        lines += [f"{name} = {_toml_value(value)}" for name, value in column.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{_toml_value(key)} = {_toml_value(entry)}" for key, entry in value.items())
            + " }"
        )
    # A JSON text, number or list of texts without escapes beyond TOML's is a TOML value too.
    return json.dumps(value, ensure_ascii=False)
