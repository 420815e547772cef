"""Spreadsheets: the template, people's own, import and export."""

from iars_node.cases.spreadsheet.exporting import export_cases
from iars_node.cases.spreadsheet.importing import dry_run, import_cases
from iars_node.cases.spreadsheet.mapping import load_mapping, save_mapping, suggest_mapping
from iars_node.cases.spreadsheet.reading import read_spreadsheet
from iars_node.cases.spreadsheet.template import write_template

__all__ = [
    "dry_run",
    "export_cases",
    "import_cases",
    "load_mapping",
    "read_spreadsheet",
    "save_mapping",
    "suggest_mapping",
    "write_template",
]
