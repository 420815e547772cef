"""`iars person`: what a person has a right to."""

import json
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from iars_admin.command import command, group
from iars_admin.founding import write_new_file
from iars_admin.naming import find_case
from iars_admin.passphrases import read_line
from iars_admin.session import Session
from iars_admin.showing import counted
from iars_node.consent.paper import print_receipt
from iars_node.consent.texts import languages
from iars_node.errors import InvalidError
from iars_node.rights import service as rights
from iars_node.rights.model import Told
from iars_node.web.access_reports import make_access_report, make_correction_notice

CaseArgument = Annotated[str, typer.Argument(help="A case of theirs: reference, file number or id.")]
FileArgument = Annotated[Path, typer.Argument(help="The PDF to write; it must not exist.")]
LanguageOption = Annotated[
    str, typer.Option(help=f"In another language than the person's: {', '.join(languages())}.")
]

COLUMNS = {
    "id": "Task",
    "node": "Organisation",
    "fields": "Fields",
    "outcome": "What became of it",
    "reason": "Why not",
    "at": "When",
    "done_at": "Told",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    person = group(app, "person", "What a person has a right to: a report, and having things put right.")
    examples = ("iars person report K-4F7Q ana.pdf", "iars person report K-4F7Q case.pdf --case-only")
    command(person, "report", examples=examples)(report)
    command(person, "correct", examples=("iars person correct K-4F7Q right.json",))(correct)
    command(person, "corrections", examples=("iars person corrections K-4F7Q",))(corrections)
    command(person, "notice", examples=("iars person notice 5f0c... notice.pdf",))(notice)
    command(person, "told", examples=("iars person told 5f0c...",))(told)


def report(
    session: Session,
    case: CaseArgument,
    file: FileArgument,
    case_only: Annotated[
        bool, typer.Option("--case-only", help="Only this case, not the person's others.")
    ] = False,
    language: LanguageOption = "",
) -> None:
    """Write everything that is held about a person, who learned it and what was erased, in their language.

    It holds the content of the scopes that you may read; that there is more is said. Its making is recorded.
    """
    with session.work("person.report") as work:
        found = find_case(work, case)
        zone = ZoneInfo(session.settings.zone)
        made = make_access_report(work, found.id, zone, whole_person=not case_only, wanted=language)
        write_new_file(file, print_receipt(made))
    session.screen.done(f"Wrote {file}.", {"file": str(file), "language": made.language})


def correct(
    session: Session,
    case: CaseArgument,
    fields: Annotated[
        Path, typer.Argument(help="A JSON file: scope, field, value; null takes one away.", exists=True)
    ],
) -> None:
    """Put fields right, here and at every organisation that holds them under a standing agreement."""
    content = _read(fields)
    with session.work("person.correct") as work:
        made = rights.correct(work, find_case(work, case).id, content)
    entries = [_entry(each) for each in made.told]
    left = sum(each.is_open for each in made.told)
    session.screen.done(
        f"Corrected. {counted(len(entries) - left, 'organisation is', 'organisations are')} told; "
        f"{counted(left, 'has', 'have')} to be told by other means.",
        {"correction": made.correction.id, "told": entries},
    )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(read_line(path))
    except ValueError as error:
        raise InvalidError("The correction can't be read.", {"fields": "accepted: JSON"}) from error
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise InvalidError("The correction has another form.", {"fields": "accepted: scope, field, value"})
    return content


def corrections(session: Session, case: CaseArgument) -> None:
    """List a case's corrections at each recipient: what was sent, and who has to be told by other means."""
    with session.work("case.read") as work:
        found = rights.corrections_of_case(work, find_case(work, case).id)
        entries = [_entry(each) for made in found for each in made.told]
    session.screen.show_list(entries, COLUMNS, none="Nothing was corrected that others hold.")


def notice(
    session: Session,
    task: Annotated[str, typer.Argument(help="The task's id.")],
    file: FileArgument,
    language: LanguageOption = "",
) -> None:
    """Write the notice of a correction for an organisation that could not be sent it."""
    with session.work("person.correct") as work:
        made = make_correction_notice(work, task, ZoneInfo(session.settings.zone), language)
        write_new_file(file, print_receipt(made))
    session.screen.done(f"Wrote {file}.", {"file": str(file)})


def told(session: Session, task: Annotated[str, typer.Argument(help="The task's id.")]) -> None:
    """Note that you have told an organisation of a correction by other means."""
    with session.work("person.correct") as work:
        found = rights.mark_told(work, task)
    session.screen.done("Noted.", {"id": found.id})


def _entry(each: Told) -> dict[str, object]:
    return {name: getattr(each, name) for name in COLUMNS} | {"is_open": each.is_open}
