"""Headers: compared as Latin words, so that case, accents, script and spaces do not matter."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from iars_node.cases.spreadsheet.model import ColumnMapping, SheetMapping
from iars_node.cases.spreadsheet.targets import BESIDE, importable_fields
from iars_node.vault.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER_WITHIN = 30
_ALIKE = 86


def folded(header: object) -> str:
    """Return a header as comparable words; nothing for an empty cell."""
    return "" if header is None else " ".join(words(str(header)))


@cache
def known_headers() -> dict[str, str]:
    """Return the target of every header that is known, by its folded words."""
    found: dict[str, str] = {}
    fields = importable_fields()
    for target, field in fields.items():
        for header in (target, field.label, field.name):
            found.setdefault(folded(header), target)
    for target, label in BESIDE.items():
        found.setdefault(folded(label), target)
    for target, names in _synonyms().items():
        for header in names:
            found.setdefault(folded(header), target)
    return found


def guess(header: str) -> str | None:
    """Return the target that a header most likely means, or None."""
    text = folded(header)
    if not text:
        return None
    known = known_headers()
    if text in known:
        return known[text]
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - a few megabytes, for who imports spreadsheets

    closest = process.extractOne(text, known.keys(), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return None if closest is None else known[closest[0]]


def find_header_row(rows: Sequence[Sequence[object]], mapping: SheetMapping | None) -> int | None:
    """Return the index of the row that has the most known headers: titles above it have none or one."""
    if mapping is None:
        wanted = set(known_headers())
    else:
        wanted = {folded(column.header) for column in mapping.columns}
    counts = [len({folded(cell) for cell in row} & wanted - {""}) for row in rows]
    most = max(counts, default=0)
    least = 2 if mapping is None else 1
    return counts.index(most) if most >= least else None


def suggest(headers: Sequence[object], *, also_similar: bool) -> tuple[ColumnMapping, ...]:
    """Return a mapping of the headers that are understood; each target is taken once, best match first."""
    exact = {str(header): known_headers().get(folded(header)) for header in headers if folded(header)}
    taken: dict[str, str] = {}
    for header, target in exact.items():
        if target is not None and target not in taken.values():
            taken[header] = target
    for header in exact if also_similar else ():
        target = guess(header)
        if header not in taken and target is not None and target not in taken.values():
            taken[header] = target
    return tuple(ColumnMapping(header, taken[header]) for header in exact if header in taken)


def _synonyms() -> dict[str, list[str]]:
    text = resources.files("iars_node.cases.spreadsheet").joinpath("headers.toml").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for name, entry in tomllib.loads(text).items():
        beside: dict[str, Any] = entry if isinstance(entry, dict) else {"": entry}
        for field, names in beside.items():
            found[f"{name}.{field}" if field else name] = names
    return found
