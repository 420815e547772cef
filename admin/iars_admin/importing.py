"""Importing a spreadsheet from the command line: progress, faults, likely duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.founding import write_new_file
from iars_admin.naming import own_country
from iars_admin.showing import counted
from iars_node.cases import spreadsheet
from iars_node.cases.service import case_head
from iars_node.cases.spreadsheet.headers import folded, known_headers
from iars_node.cases.spreadsheet.targets import BESIDE, codes_of, importable_fields, what_is_taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iars_admin.session import Session
    from iars_node.cases.spreadsheet.model import ImportReport, LikelyRow
    from iars_node.work import Work

PHASES = {"read": "Reading", "compare": "Comparing", "write": "Writing"}
FAULT_COLUMNS = {"sheet": "Sheet", "cell": "Cell", "text": "What is wrong"}
FIELD_COLUMNS = {"target": "Target", "label": "Called", "taken": "Cells are written like", "codes": "Codes"}
CODE_COLUMNS = {"code": "Code", "label": "Called"}
LIKELY_COLUMNS = {"place": "Row", "other": "Probably the same as", "score": "Likeness", "reasons": "Why"}


def import_spreadsheet(session: Session, file: Path, mapping: Path | None, *, dry_run: bool) -> ImportReport:
    """Import a file, or only say what would happen; show the report."""
    columns = None if mapping is None else spreadsheet.load_mapping(mapping)
    with session.work("case.import") as work, session.screen.progress("Reading") as move:
        country = own_country(work)
        read = spreadsheet.read_spreadsheet(file, columns, country=country, progress=_phases(move))
        if dry_run:
            report = spreadsheet.dry_run(work, read, country=country, progress=_phases(move))
        else:
            report = spreadsheet.import_cases(
                work, read, country=country, training=session.settings.training, progress=_phases(move)
            )
        likely = [_likely(work, row) for row in report.duplicates]
    _show(session, report, likely)
    return report


def suggest_mapping(session: Session, file: Path, written: Path) -> None:
    """Write what a spreadsheet's columns and words most likely mean, to be reviewed."""
    with session.work("case.import"):
        suggested = spreadsheet.suggest_mapping(file)
    write_new_file(written, b"")
    spreadsheet.save_mapping(suggested, written)
    own = [meaning for column in suggested.columns for meaning in column.values.values()]
    session.screen.done(
        f"Wrote {written} with {counted(len(suggested.columns), 'column')}{_of_words(own)}. "
        f"Review it, then use --mapping {written}.",
        {
            "file": str(written),
            "columns": {one.header: one.target for one in suggested.columns},
            "words": len(own),
            "words_to_say": own.count(""),
        },
    )


def _of_words(meanings: list[str]) -> str:
    if not meanings:
        return ""
    words = "1 word" if len(meanings) == 1 else f"{len(meanings)} words"
    unsaid = meanings.count("")
    rest = f", {unsaid} of them still without a meaning" if unsaid else ""
    return f" and {words} that no field knows{rest}"


def show_fields(session: Session) -> None:
    """Show every target of a column."""
    labels = {**BESIDE, **{target: field.label for target, field in importable_fields().items()}}
    entries = [
        {
            "target": target,
            "label": label,
            "taken": what_is_taken(target),
            "codes": list(codes_of(target)),
        }
        for target, label in labels.items()
    ]
    if not session.choice.as_json:
        entries = [one | {"codes": _counted(one["codes"])} for one in entries]
    session.screen.show_list(entries, FIELD_COLUMNS, none="")
    session.screen.say("The codes of one, with what they are called: iars case fields TARGET")


def _counted(codes: object) -> str:
    return str(len(codes)) if isinstance(codes, list) and codes else ""


def show_codes(session: Session, named: str) -> None:
    """Show what one target takes, and every code of it; a field's name or label names it too."""
    target = known_headers().get(folded(named), named)
    taken = what_is_taken(target)
    codes = codes_of(target)
    if session.choice.as_json:
        session.screen.done("", {"target": target, "taken": taken, "codes": codes})
        return
    session.screen.say(f"{target}: {taken}.")
    if codes:
        entries = [{"code": code, "label": label} for code, label in codes.items()]
        session.screen.show_list(entries, CODE_COLUMNS, none="")


def _phases(move: Callable[[int], None]) -> Callable[[str, int], None]:
    return lambda _phase, rows: move(rows)


def _likely(work: Work, row: LikelyRow) -> dict[str, object]:
    other = row.other if row.case_id is None else case_head(work, row.case_id).reference
    return {
        "sheet": row.sheet,
        "row": row.number,
        "place": f"{row.sheet}, row {row.number}",
        "case_id": row.case_id,
        "other": other,
        "score": row.score,
        "reasons": list(row.reasons),
    }


def _show(session: Session, report: ImportReport, likely: list[dict[str, object]]) -> None:
    faults = [{"sheet": fault.sheet, "cell": fault.cell, "text": fault.text} for fault in report.faults]
    entry = {
        "written": report.is_written,
        "rows": report.rows,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "faults": faults,
        "duplicates": likely,
        "unmapped": list(report.unmapped),
    }
    if session.choice.as_json:
        session.screen.done("", entry)
        return
    if faults:
        session.screen.show_list(faults, FAULT_COLUMNS, none="")
    if likely:
        session.screen.heading("Probably the same person: look before you go on")
        session.screen.show_list(likely, LIKELY_COLUMNS, none="")
    if report.unmapped:
        session.screen.say(f"Columns that nothing was made of: {', '.join(report.unmapped)}")
    session.screen.say(_sentence(report))


def _sentence(report: ImportReport) -> str:
    counts = f"{report.created} new, {report.updated} changed, {report.unchanged} as they were"
    if report.is_written:
        return f"Imported {counted(report.rows, 'row')}: {counts}."
    if report.faults:
        return f"Nothing was written: {len(report.faults)} faults. {report.rows} other rows are sound."
    return f"A dry run: nothing was written. {counted(report.rows, 'row')}: {counts}."
