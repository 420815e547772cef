"""Importing: a spreadsheet of five thousand rows, read, checked and opened as cases."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from openpyxl import Workbook

from iars_node.cases.spreadsheet import import_cases, read_spreadsheet
from iars_node.cases.spreadsheet.template import columns
from iars_node.work import SYSTEM
from tests.bench.people import identity_of_person, phone

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.work import Works
    from tests.bench.results import Results

ROWS = 5_000
COUNTRY = "AL"
_SAME = {
    "demographics.gender": "Feminine",
    "demographics.citizenships": "Moldova; Romania",
    "demographics.languages": "ro; ru",
    "demographics.marital_status": "Single",
    "identity.document_type": "Passport",
    "travel.origin_country": "MD",
    "exploitation.types": "Forced labour; Servitude",
    "medical.conditions": "asthma; influenza",
    "safety.risk": "High",
    "services.needs": "SHELTER:urgent; MED-CARE",
}


def write_sheet(path: Path, rows: int = ROWS) -> None:
    """Write a spreadsheet as the template asks for it."""
    named = columns()
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Cases")
    targets = list(_row(0))
    sheet.append([named[target] for target in targets])
    for number in range(rows):
        row = _row(number)
        sheet.append([row[target] for target in targets])
    workbook.save(path)


def _row(number: int) -> dict[str, str]:
    person = identity_of_person(number)
    return {
        "external_number": f"2026/{number}",
        **{f"identity.{name}": str(value) for name, value in person.items()},
        "contact.phone": phone(number),
        **_SAME,
    }


def measure_import(results: Results, suite: str, name: str, works: Works, path: Path) -> None:
    """Measure one import into an empty database, from the file to the commit."""
    began = time.perf_counter()
    spreadsheet = read_spreadsheet(path, country=COUNTRY)
    read = time.perf_counter()
    with works.write(SYSTEM) as work:
        report = import_cases(work, spreadsheet, country=COUNTRY)
    done = time.perf_counter()
    if report.created != ROWS:
        raise ValueError(f"{report.created} of {ROWS} rows were imported: {report.faults[:3]}")
    results.add(suite, f"{name}: read and checked", ROWS / (read - began), "rows/s")
    results.add(suite, f"{name}: opened as cases", ROWS / (done - read), "rows/s")
    results.add(suite, f"{name}: altogether", ROWS / (done - began), "rows/s")
