"""The template: a sheet to fill in, with drop-downs, an example row, the codes, and how to fill it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases.model import STAGES
from iars_node.cases.names import country_names, language_names
from iars_node.cases.spreadsheet.cells import neutral
from iars_node.cases.spreadsheet.targets import BESIDE, EXTERNAL_NUMBER, STAGE, importable_fields
from iars_protocol.record import SCOPES, VOCABULARIES

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from iars_protocol.record import Field

CASES, CODES, HELP = "Cases", "Codes", "How to fill in"
HEADER_ROW = 2
ROWS_WITH_LISTS = 2000

_WIDTH = 22
_YES_NO = {"yes": "yes", "no": "no"}

_EXAMPLES = {
    EXTERNAL_NUMBER: "EXAMPLE (this row is left out)",
    STAGE: "Identified",
    "services.needs": "SHELTER:urgent; MED-SCREEN",
    "demographics.gender": "Feminine",
    "demographics.citizenships": "Albania; Italy",
    "demographics.languages": "Albanian; en",
    "identity.given_name": "Besa",
    "identity.family_name": "Shembulli",
    "identity.birth_date": "17.05.2004",
    "identity.document_type": "Passport",
    "identity.document_number": "BA1234567",
    "contact.phone": "+355 69 123 4567",
    "travel.origin_country": "AL",
    "exploitation.types": "Forced labour; Servitude",
}

_LINES = (
    "One row is one person's case. Fill in what you know; leave the rest empty.",
    (
        "File number: your organisation's own number of the case. The row is known again by it when the file "
        "is imported a second time; a row without one is known by its document number. One is needed."
    ),
    "Importing again updates the cases; an empty cell never deletes what a case holds.",
    "Dates: 17.05.2004, 2004-05-17, 05.2004, 2004, or ca. 2004 for an estimate.",
    "Lists (several citizenships, needs, types): entries apart by a semicolon.",
    "Needs: a service, its priority, the day it is needed by: SHELTER:urgent:2026-05-01; MED-CARE.",
    "Phone numbers begin with + and the country's code; without it, your own country's code is taken.",
    "Codes: choose from the drop-down, or write a code or label of the sheet “Codes”.",
    "The row that begins with EXAMPLE is left out. Titles above the headers do no harm.",
    "This file holds what must not be read by others: keep it encrypted, and delete it after the import.",
)


def write_template(path: Path) -> None:
    """Write the template as an .xlsx file."""
    # Imported late: few processes ever write a spreadsheet.
    from openpyxl import Workbook  # noqa: PLC0415

    workbook = Workbook()
    lists = _write_codes(workbook)
    sheet = workbook.worksheets[0]
    sheet.title = CASES
    _write_cases(sheet, lists)
    _write_help(workbook.create_sheet(HELP, 0))
    workbook.active = workbook.index(sheet)
    workbook.save(path)


def columns() -> dict[str, str]:
    """Return the template's headers by target, in their order."""
    fields = importable_fields()
    beside = {EXTERNAL_NUMBER: BESIDE[EXTERNAL_NUMBER], STAGE: BESIDE[STAGE]}
    return beside | {target: field.label for target, field in _in_order(fields).items()}


def _in_order(fields: dict[str, Field]) -> dict[str, Field]:
    # Whoever fills in a row begins with the person.
    scopes = ["identity", "contact", "demographics", *(code for code in SCOPES)]
    ranked = sorted(fields, key=lambda target: scopes.index(target.partition(".")[0]))
    return {target: fields[target] for target in ranked}


def _write_cases(sheet: Worksheet, lists: dict[str, str]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415 - as above
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    fields = importable_fields()
    grey = Font(italic=True, color="888888")
    for index, (target, label) in enumerate(columns().items(), start=1):
        scope = target.partition(".")[0]
        letter = get_column_letter(index)
        sheet.cell(1, index, SCOPES[scope].label if scope in SCOPES else "Case").font = Font(italic=True)
        header = sheet.cell(HEADER_ROW, index, label)
        header.font, header.fill = Font(bold=True), PatternFill("solid", fgColor="DDE6EE")
        header.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.cell(HEADER_ROW + 1, index, neutral(_EXAMPLES.get(target, "")) or None).font = grey
        sheet.column_dimensions[letter].width = _WIDTH
        # Numbers that are names, such as those of files, documents and phones, must not lose their zeros.
        sheet.column_dimensions[letter].number_format = "@"
        if source := lists.get(_list_name(target, fields)):
            _add_list(sheet, f"{letter}{HEADER_ROW + 1}:{letter}{ROWS_WITH_LISTS}", source, label)
    sheet.freeze_panes = f"B{HEADER_ROW + 1}"


def _list_name(target: str, fields: dict[str, Field]) -> str:
    if target == STAGE:
        return STAGE
    field = fields.get(target)
    if field is None:
        return ""
    return {"code": field.codes, "flag": "flag", "country": "country"}.get(field.kind, "")


def _add_list(sheet: Worksheet, cells: str, source: str, label: str) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415 - as above

    listed = DataValidation(type="list", formula1=source, allow_blank=True)
    listed.errorTitle = label[:31]
    listed.error = "Choose from the list, or write a code of the sheet “Codes”."
    listed.showErrorMessage = True
    listed.errorStyle = "warning"
    sheet.add_data_validation(listed)
    listed.add(cells)


def _write_codes(workbook: Workbook) -> dict[str, str]:
    from openpyxl.styles import Font  # noqa: PLC0415 - as above
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    sheet = workbook.create_sheet(CODES)
    found: dict[str, str] = {}
    for index, (name, codes) in enumerate(_lists().items()):
        code_column, label_column = 2 * index + 1, 2 * index + 2
        sheet.cell(1, code_column, name).font = Font(bold=True)
        sheet.cell(1, label_column, "label").font = Font(bold=True)
        for row, (code, label) in enumerate(codes.items(), start=2):
            sheet.cell(row, code_column, code)
            sheet.cell(row, label_column, label)
        letter = get_column_letter(label_column)
        found[name] = f"'{CODES}'!${letter}$2:${letter}${len(codes) + 1}"
        sheet.column_dimensions[letter].width = _WIDTH
    return found


def _lists() -> dict[str, dict[str, str]]:
    stages = {code: label for code, label in STAGES.items() if code != "closed"}
    used = {field.codes for field in importable_fields().values() if field.codes} | {"priority"}
    vocabularies = {name: dict(VOCABULARIES[name]) for name in sorted(used)}
    return {
        STAGE: stages,
        "flag": _YES_NO,
        **vocabularies,
        "country": country_names(),
        "language": language_names(),
    }


def _write_help(sheet: Worksheet) -> None:
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415 - as above

    sheet.cell(1, 1, "How to fill in the sheet “Cases”").font = Font(bold=True, size=14)
    for row, line in enumerate(_LINES, start=3):
        sheet.cell(row, 1, line).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width = 100
