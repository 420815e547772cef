"""`iars case`: the organisation's cases."""

import json
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from iars_admin import case_access
from iars_admin.command import FAILED, command, group
from iars_admin.founding import write_new_file
from iars_admin.importing import import_spreadsheet, show_codes, show_fields, suggest_mapping
from iars_admin.naming import find_case, own_country, show_scopes
from iars_admin.passphrases import read_line
from iars_admin.session import Session
from iars_node.cases import service as cases
from iars_node.cases import spreadsheet
from iars_node.cases.model import STAGES, Case, CaseRecord, CaseState, Filters
from iars_node.errors import InvalidError

CaseArgument = Annotated[str, typer.Argument(help="Its reference (K-...), file number or id.")]

COLUMNS = {
    "reference": "Reference",
    "external_number": "File number",
    "alias": "Code name",
    "stage": "Stage",
    "state": "State",
    "updated_at": "Changed",
}
LABELS = {
    "reference": "Reference",
    "external_number": "File number",
    "alias": "Code name",
    "state": "State",
    "stage": "Stage",
    "opened_at": "Opened",
    "updated_at": "Changed",
    "id": "Id",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    case = group(app, "case", "The organisation's cases.")
    command(case, "template", examples=("iars case template cases.xlsx",))(template)
    imported = (
        "iars case import cases.xlsx --dry-run",
        "iars case import ours.xlsx --suggest-mapping ours.toml",
        "iars case import ours.xlsx --mapping ours.toml",
    )
    command(case, "import", examples=imported)(import_cases)
    fields = ("iars case fields", "iars case fields demographics.gender", "iars case fields services.needs")
    command(case, "fields", examples=fields)(list_fields)
    command(case, "list", examples=("iars case list", 'iars case list "Ana Munteanu"'))(list_cases)
    command(case, "show", examples=("iars case show K-4F7Q",))(show)
    command(case, "open", examples=("iars case open record.json",))(open_case)
    closing = "iars case close K-4F7Q --reason assistance-completed"
    command(case, "close", examples=(closing,))(case_access.close)
    command(case, "reopen", examples=("iars case reopen K-4F7Q",))(case_access.reopen)
    looking = "iars case break-glass K-4F7Q --reason 'On duty tonight; she is at the door'"
    command(case, "break-glass", examples=(looking,))(case_access.break_glass)
    command(case, "openings", examples=("iars case openings K-4F7Q",))(case_access.openings)
    command(case, "reviewed", examples=("iars case reviewed 5f0c...",))(case_access.reviewed)


def template(
    session: Session, file: Annotated[Path, typer.Argument(help="The .xlsx file to write.")]
) -> None:
    """Write an empty spreadsheet with the columns that an import knows, and lists to choose codes from."""
    write_new_file(file, b"")
    try:
        spreadsheet.write_template(file)
    except BaseException:
        file.unlink()
        raise
    session.screen.done(f"Wrote {file}.", {"file": str(file)})


def import_cases(
    session: Session,
    file: Annotated[Path, typer.Argument(help="The .xlsx file.", exists=True, dir_okay=False)],
    mapping: Annotated[
        Path | None, typer.Option(help="How its columns become fields (TOML or JSON).", exists=True)
    ] = None,
    suggested: Annotated[
        Path | None,
        typer.Option(
            "--suggest-mapping",
            help="Only write a mapping to this file (.toml or .json), to be reviewed and used.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would happen, and what is faulty.")
    ] = False,
) -> None:
    """Import cases: all rows or none. Importing again updates instead of duplicating.

    With a fault nothing is written: every faulty cell is listed with what is accepted.

    A spreadsheet of your own: let it suggest a mapping, and review that. It names the columns; what each
    fills (iars case fields); and, under “values”, words of your own that are not understood, with what they
    most likely stand for: values = { "Albanian" = "AL", "n/k" = "NonSpecifiedUnknown" }. Then import with it.
    """
    if suggested is not None:
        suggest_mapping(session, file, suggested)
        return
    report = import_spreadsheet(session, file, mapping, dry_run=dry_run)
    if report.faults:
        raise typer.Exit(FAILED)


def list_fields(
    session: Session,
    target: Annotated[str, typer.Argument(help="Only this one, with its codes.")] = "",
) -> None:
    """List what a column of a spreadsheet can fill, how its cells are written, and which codes it takes."""
    if target:
        show_codes(session, target)
    else:
        show_fields(session)


def list_cases(
    session: Session,
    text: Annotated[
        str, typer.Argument(help="A name, code name, document, phone, file number or reference.")
    ] = "",
    limit: Annotated[int, typer.Option(help="How many at the most.", min=1, max=100)] = 25,
    cursor: Annotated[str | None, typer.Option(help="The next page, as the page before named it.")] = None,
    stage: Annotated[str | None, typer.Option(help=f"Only cases of this stage: {', '.join(STAGES)}.")] = None,
    state: Annotated[str | None, typer.Option(help="Only open, or only closed ones.")] = None,
) -> None:
    """List cases, or find them by words."""
    filters = Filters(state=_state(state), stage=stage)
    with session.work("case.search") as work:
        page = cases.search_cases(
            work, text, country=own_country(work), filters=filters, cursor=cursor, limit=limit
        )
        numbers = cases.external_numbers(work, [found.case.id for found in page.found])
    entries = [
        described(found.case) | {"external_number": numbers.get(found.case.id), "exact": found.is_exact}
        for found in page.found
    ]
    if session.choice.as_json:
        session.screen.done("", {"cases": entries, "cursor": page.cursor})
        return
    session.screen.show_list(entries, COLUMNS, none="No case was found.")
    if page.cursor:
        session.screen.say(f"More: --cursor {page.cursor}")


def show(
    session: Session,
    case: CaseArgument,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Only this scope. Can be repeated.", show_default="all you may read"),
    ] = None,
) -> None:
    """Show a case as this account may see it. Reading is recorded."""
    with session.work("case.read") as work:
        record = cases.read_case(work, find_case(work, case).id, scope or None)
        shut = cases.access_to(work, record.head).shut
    entry = _with_content(record)
    if session.choice.as_json:
        session.screen.done("", entry)
        return
    session.screen.show_one(entry, LABELS)
    show_scopes(
        session.screen,
        {
            code: {name: one.value for name, one in view.fields.items()}
            for code, view in record.scopes.items()
        },
    )
    if shut:
        session.screen.say(
            f"Not shown, because the case is not assigned to you: {', '.join(sorted(shut))}. If you must see "
            f"it now: iars case break-glass {record.head.reference} --reason …"
        )


def open_case(
    session: Session,
    record: Annotated[Path, typer.Argument(help="A JSON file: scope, field, value.", exists=True)],
    number: Annotated[str | None, typer.Option(help="The organisation's own file number.")] = None,
) -> None:
    """Open a case from a JSON file such as {"identity": {"given_name": "Ana"}}."""
    try:
        content = json.loads(read_line(record))
    except ValueError as error:
        raise InvalidError("The record can't be read.", {"record": "accepted: JSON"}) from error
    if not isinstance(content, dict) or not all(isinstance(fields, dict) for fields in content.values()):
        raise InvalidError("The record has another form.", {"record": "accepted: scope, field, value"})
    with session.work("case.open") as work:
        opened = cases.open_case(
            work,
            country=own_country(work),
            record=content,
            external_number=number,
            training=session.settings.training,
        )
    session.screen.done(f"Opened {opened.reference}.", described(opened))


def _state(state: str | None) -> CaseState | None:
    if state is not None and state not in get_args(CaseState):
        raise typer.BadParameter("accepted: open, closed", param_hint="--state")
    return cast("CaseState | None", state)


def described(case: Case) -> dict[str, object]:
    """Return a case's head as it is shown."""
    return {
        "id": case.id,
        "person": case.person_id,
        "reference": case.reference,
        "alias": case.alias,
        "state": case.state,
        "stage": case.stage,
        "closure_reason": case.closure_reason,
        "closed_at": case.closed_at,
        "opened_at": case.opened_at,
        "updated_at": case.updated_at,
        "training": case.training,
    }


def _with_content(record: CaseRecord) -> dict[str, object]:
    scopes = {
        code: {
            name: {"value": one.value, "source": one.source, "basis": one.basis, "at": one.at, "by": one.by}
            for name, one in view.fields.items()
        }
        for code, view in record.scopes.items()
    }
    notes = [{"id": note.id, "scope": note.scope, "at": note.at, "text": note.text} for note in record.notes]
    head = described(record.head) | {"external_number": record.external_number}
    return head | {"scopes": scopes, "notes": notes}
