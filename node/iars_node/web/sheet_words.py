"""What is wrong with a spreadsheet's cells, in the reader's language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iars_node.cases.spreadsheet.targets import BESIDE, importable_fields
from iars_node.web.languages import N_

if TYPE_CHECKING:
    from iars_node.web.speech import Speech

BESIDE_LABELS = {N_("File number"), N_("Stage"), N_("Full name")}

# What the readers of cells say, each sentence as they write it.
ACCEPTED = {
    "accepted: a date such as 17.05.2004 or 2004-05-17, 05.2004, 2004, or ca. 2004": N_(
        "Write a date such as 17.05.2004 or 2004-05-17, 05.2004, 2004, or ca. 2004."
    ),
    "the cell holds an error of the spreadsheet program": N_(
        "The cell holds an error of the spreadsheet program."
    ),
    "accepted: a whole number": N_("Write a whole number, such as 3."),
    "accepted: yes or no": N_("Choose yes or no."),
    "accepted: a country's name, or its code such as AL; the name of its people is not one": N_(
        "Write a country's name, or its code such as AL; the name of its people is not one."
    ),
    "the mapping does not say yet what stands for this word": N_(
        "Nothing was said yet about what this word stands for."
    ),
    "accepted: a language's name, or its code such as sq": N_(
        "Write a language's name, or its code such as sq."
    ),
    "accepted: a service, its priority and the day it is needed by: SHELTER:urgent:2026-05-01": N_(
        "Write a service, how urgent it is and by when, such as SHELTER:urgent:2026-05-01."
    ),
}
_LISTED = N_("Write a code or label of the list; the template has a sheet with all of them.")
_OTHERWISE = N_("This can't be used as it is.")
_ROWS = (
    N_("This row has neither a file number nor a document number: it could not be known again."),
    N_("Several cases here have this document number; give the row a file number."),
    N_("This row is of the same case as row %(row)s of “%(sheet)s”."),
    N_("The file number stands in row %(row)s of “%(sheet)s” too."),
    N_("The document number stands in row %(row)s of “%(sheet)s” too."),
    N_("The column “%(header)s” is missing."),
    N_("The column “%(header)s” stands here more than once."),
)


def _pattern(message: str) -> re.Pattern[str]:
    """Return what finds a sentence of the readers again, whatever stands in its places."""
    pieces = re.split(r"%\((\w+)\)s", message)
    made = [f"(?P<{piece}>.*)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)]
    return re.compile("".join(made), re.DOTALL)


_PATTERNS = tuple((_pattern(message), message) for message in _ROWS)


def targets(speech: Speech) -> dict[str, str]:
    """Return what a column can fill, each under a name that no other has, in the order of the record."""
    found = {target: speech.language.gettext(label) for target, label in BESIDE.items()}
    for target, field in importable_fields().items():
        scope = target.partition(".")[0]
        found[target] = f"{speech.scope(scope)}: {speech.language.gettext(field.label)}"
    return found


def where_said(speech: Speech, cell: str) -> str:
    """Return a cell's place as it is said: its letters, or the number of its row."""
    kind, _, number = cell.partition(" ")
    return speech.language.gettext("row %(number)s", number=number) if kind == "row" else cell


def fault_said(speech: Speech, text: str) -> str:
    """Return a fault in the reader's language."""
    for pattern, message in _PATTERNS:
        if found := pattern.fullmatch(text):
            return speech.language.gettext(message, **found.groupdict())
    label, _, rest = text.rstrip(".").partition(": ")
    if rest.startswith("accepted: a code or label of the list") or label == "Stage":
        said = _LISTED
    else:
        said = ACCEPTED.get(rest, _OTHERWISE)
    return f"{speech.language.gettext(label)}: {speech.language.gettext(said)}"
