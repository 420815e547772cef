"""`iars processing`: the record of processing and the log of disclosures."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from iars_admin.command import command, group
from iars_admin.founding import write_new_file
from iars_admin.session import Session
from iars_node.errors import InvalidError
from iars_node.rights import exporting

FileArgument = Annotated[
    Path | None, typer.Argument(help="The .xlsx or .json file to write; it must not exist.")
]
DayOption = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Midnight of a day.")]

SHARING = {
    "purpose": "Purpose",
    "direction": "Direction",
    "organisation": "Organisation",
    "country": "Country",
    "basis": "Basis",
    "scopes": "Scopes",
    "grants": "Grants",
    "standing": "Standing",
}
DISCLOSED = {
    "at": "When",
    "case": "Case",
    "organisation": "Organisation",
    "action": "What",
    "scopes": "Scopes",
    "basis": "Basis",
    "consent": "Paper",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    processing = group(
        app, "processing", "The record of processing (GDPR art. 30) and the log of disclosures."
    )
    record_examples = ("iars processing record", "iars processing record art30.xlsx")
    command(processing, "record", examples=record_examples)(record)
    log_examples = ("iars processing disclosures --since 2026-01-01", "iars processing disclosures log.json")
    command(processing, "disclosures", examples=log_examples)(disclosures)


def record(session: Session, file: FileArgument = None) -> None:
    """Show or write the record of processing, generated from what is recorded. It names no person."""
    _check(file)
    with session.work("processing.read") as work:
        if file is not None and file.suffix == ".xlsx":
            write_new_file(file, exporting.processing_as_workbook(work))
            session.screen.done(f"Wrote {file}.", {"file": str(file)})
            return
        found = exporting.processing_as_plain(work)
        _write(session, file, found)
    if file is None and not session.choice.as_json:
        session.screen.show_list(found["activities"], SHARING, none="Nothing was shared yet.")
    elif file is None:
        session.screen.done("", found)


def disclosures(
    session: Session, file: FileArgument = None, since: DayOption = None, until: DayOption = None
) -> None:
    """Show or write who learned which scopes, when, and under which consent or exception. No content."""
    _check(file)
    zone = ZoneInfo(session.settings.zone)
    begin, end = (moment.replace(tzinfo=zone) if moment else None for moment in (since, until))
    with session.work("processing.read") as work:
        if file is not None and file.suffix == ".xlsx":
            write_new_file(file, exporting.disclosures_as_workbook(work, begin, end))
            session.screen.done(f"Wrote {file}.", {"file": str(file)})
            return
        found = exporting.disclosures_as_plain(work, begin, end)
        _write(session, file, found)
    if file is None:
        session.screen.show_list(found, DISCLOSED, none="Nothing was disclosed in this time.")


def _check(file: Path | None) -> None:
    if file is not None and file.suffix not in (".xlsx", ".json"):
        raise InvalidError("The file's kind is not known.", {"file": "accepted: .xlsx or .json"})


def _write(session: Session, file: Path | None, found: Any) -> None:  # noqa: ANN401 - any JSON
    if file is not None:
        write_new_file(file, (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
        session.screen.done(f"Wrote {file}.", {"file": str(file)})
