"""`iars audit` and `iars alarm`: what happened, and what somebody must look at."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin import auditing
from iars_admin.command import FAILED, command, group
from iars_admin.session import Session
from iars_admin.showing import counted
from iars_node.accounts import store as account_store
from iars_node.audit import alarms, rebuilding, store
from iars_node.audit.log_store import newest_checkpoint, newest_log
from iars_node.audit.model import AuditFilter
from iars_node.audit.reading import Place, end
from iars_node.audit.sequencing import sign_head
from iars_node.audit.service import record
from iars_node.cases.service import case_by_reference
from iars_node.cases.service.tracing import records_of_person
from iars_node.errors import ConflictError
from iars_node.node import witness_policy
from iars_node.peers import service as peers
from iars_node.witness.exporting import bundle_lines
from iars_node.witness.service import show_head
from iars_node.witness.verifying import verify_file, verify_log
from iars_node.work import Work
from iars_protocol.keys import fingerprint

DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]
COLUMNS = {
    "seq": "No.",
    "at": "When",
    "action": "What",
    "actor_name": "Who",
    "subject": "About",
    "scopes": "Scopes",
    "detail": "Detail",
}
FINDINGS = {"outcome": "Outcome", "said": "Found", "origin": "Log"}
REBUILT = {"number": "Log", "size": "Events", "damaged": "Damaged", "said": "Found"}
FOLLOW_SECONDS = 1.0
ALARM_COLUMNS = {
    "id": "Alarm",
    "kind": "What",
    "subject": "About",
    "times": "Times",
    "at": "First",
    "last_at": "Last",
    "acknowledged": "Acknowledged",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit = group(app, "audit", "The audit log: who did what, when, to which record, and how that is proved.")
    listed = (
        "iars audit list --limit 20",
        "iars audit list --action exchange. --since 2026-03-01",
        "iars audit list --person K-4F7Q --to events.xlsx",
        "iars audit list --by agim --follow",
    )
    command(audit, "list", examples=listed)(list_events)
    exported = ("iars audit export log.bundle", "iars audit export case.bundle --case K-4F7Q")
    command(audit, "export", examples=exported)(export)
    verified = (
        "iars audit verify",
        "iars audit verify --against mission.bundle",
        "iars audit verify shelter.bundle --against mission.bundle",
    )
    command(audit, "verify", examples=verified)(verify)
    command(audit, "checkpoint", examples=("iars audit checkpoint",))(checkpoint)
    command(audit, "rebuild", examples=("iars audit rebuild", "iars audit rebuild --write"))(rebuild)
    alarm = group(app, "alarm", "What went wrong and may need a person.")
    command(alarm, "list", examples=("iars alarm list",))(list_alarms)
    command(alarm, "acknowledge", examples=("iars alarm acknowledge 5f0c...",))(acknowledge)


ActionOption = Annotated[str, typer.Option(help="Only this action, or all that begin like it (exchange.).")]
CaseOption = Annotated[str, typer.Option(help="Only about this case (K-... or id).")]
PersonOption = Annotated[
    str, typer.Option(help="Only about this person, by a case of theirs (K-...) or by the person's id.")
]
ReferralOption = Annotated[str, typer.Option(help="Only about this referral (id).")]
PeerOption = Annotated[str, typer.Option(help="Only with this organisation.")]
ByOption = Annotated[str, typer.Option(help="Only by this account (its name), token or node (its id).")]
SinceOption = Annotated[datetime | None, typer.Option(formats=DAY, help="From this day or minute on.")]
UntilOption = Annotated[datetime | None, typer.Option(formats=DAY, help="Before this day or minute.")]
BundleOption = Annotated[
    list[Path] | None,
    typer.Option("--against", help="Another organisation's bundle. Can be repeated.", dir_okay=False),
]


def list_events(
    session: Session,
    action: ActionOption = "",
    case: CaseOption = "",
    person: PersonOption = "",
    referral: ReferralOption = "",
    peer: PeerOption = "",
    by: ByOption = "",
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(help="How many at the most.", min=1, max=500)] = 50,
    cursor: Annotated[int | None, typer.Option(help="The next page, as the page before named it.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens, until Ctrl-C.")] = False,
    to: Annotated[
        Path | None,
        typer.Option(help="Write all of it to a new file (.jsonl or .xlsx).", dir_okay=False),
    ] = None,
) -> None:
    """Show the audit log, the newest first. It holds ids and codes only."""
    with session.work("audit.read") as work:
        filters = _filters(session, work, action, case, person, referral, peer, by, since, until)
        place = end(work.connection)
        page = store.page(work.connection, filters, cursor, limit)
        entries = list(auditing.entries(work, page.events))
        written = None if to is None else auditing.write_events(work, filters, to.expanduser().absolute())
        count = len(entries) if written is None else written
        record(work, "audit.read" if written is None else "audit.exported", detail={"count": count})
    if written is not None:
        session.screen.done(
            f"{counted(written, 'event is', 'events are')} in {to}.", {"events": written, "file": str(to)}
        )
        return
    if follow:
        _follow(session, filters, place)
        return
    if session.choice.as_json:
        session.screen.done("", {"events": entries, "cursor": page.next_cursor})
        return
    session.screen.show_list(entries, COLUMNS, none="Nothing was recorded.")
    if page.next_cursor is not None:
        session.screen.say(f"More: --cursor {page.next_cursor}")


def _filters(
    session: Session,
    work: Work,
    action: str,
    case: str,
    person: str,
    referral: str,
    peer: str,
    by: str,
    since: datetime | None,
    until: datetime | None,
) -> AuditFilter:
    zone = ZoneInfo(session.settings.zone)
    person_ids, case_ids = records_of_person(work, person) if person else ((), ())
    accounts = {account.name: account.id for account in account_store.accounts(work.connection)}
    return AuditFilter(
        case_id=case_by_reference(work, case.upper()).id if case.upper().startswith("K-") else case,
        referral_id=referral,
        actor_id=accounts.get(by, by),
        peer_id=peers.resolve(work, peer).node_text if peer else "",
        action=action,
        since=_moment(since, zone),
        until=_moment(until, zone),
        case_ids=case_ids,
        person_ids=person_ids,
    )


def _moment(given: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if given is None else given.replace(tzinfo=zone).astimezone(UTC)


def _follow(session: Session, filters: AuditFilter, place: Place) -> None:
    while True:
        entries, place = auditing.follow(session.node, filters, place)
        for entry in entries:
            if session.choice.as_json:
                session.screen.done("", entry)
            else:
                session.screen.say(
                    f"{entry['at']:%Y-%m-%d %H:%M:%S} UTC  {entry['action']}  {entry['actor_name']}  "
                    f"{entry['subject'] or entry['case_id'] or entry['referral_id']}"
                )
        time.sleep(FOLLOW_SECONDS)


def export(
    session: Session,
    file: Annotated[Path, typer.Argument(help="The new file.", dir_okay=False)],
    action: ActionOption = "",
    case: CaseOption = "",
    person: PersonOption = "",
    referral: ReferralOption = "",
    peer: PeerOption = "",
    by: ByOption = "",
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Write a bundle for an auditor: the log with everything that proves it, to be verified offline.

    Narrowed by an option, it holds those events alone, each with its proof of being in the log.
    """
    node = session.node
    with session.work("audit.read") as work:
        filters = _filters(session, work, action, case, person, referral, peer, by, since, until)
    auditing.take_all_in(node)
    target = file.expanduser().absolute()
    with session.work("audit.read") as work:
        sign_head(work)
    lines = 0
    with node.works.read(session.actor) as work, auditing.new_private_file(target) as write:
        for lines, line in enumerate(bundle_lines(work, None if filters == AuditFilter() else filters), 1):  # noqa: B007 - counted for the answer
            write(line)
    with session.work("audit.read") as work:
        record(work, "audit.exported", detail={"count": lines})
    session.screen.done(
        f"The bundle is in {file}. Verify it with: iars audit verify {file}",
        {"file": str(target), "lines": lines},
    )


def verify(
    session: Session,
    bundle: Annotated[
        Path | None, typer.Argument(help="A bundle; without one, this node's own log.", dir_okay=False)
    ] = None,
    against: BundleOption = None,
) -> None:
    """Verify the log: every event, the tree, its signed heads, cosignatures and receipts.

    Of a bundle nothing is needed but the file: no node, no passphrase. Against bundles of other
    organisations, what they hold about this log is compared too. The exit code is 1 when anything
    contradicts the log.
    """
    others = [auditing.read_bundle_file(path) for path in against or ()]
    if bundle is not None:
        verified = verify_file(auditing.read_bundle_file(bundle), others)
    else:
        with session.work("audit.read") as work:
            record(work, "audit.verified", detail={"bundles": len(others)})
        auditing.take_all_in(session.node)
        with session.node.works.read(session.actor) as work:
            verified = verify_log(work, others)
    found = [auditing.described(finding) for finding in verified.findings]
    digits = fingerprint(bytes.fromhex(verified.node))
    if session.choice.as_json:
        outcome = {"sound": verified.is_sound, "node": verified.node, "fingerprint": digits}
        session.screen.done("", {**outcome, "events": verified.events, "findings": found})
    else:
        session.screen.show_list(found, FINDINGS, none="Nothing is in the log yet.")
        end_of_it = "nothing contradicts it" if verified.is_sound else "it does not hold"
        session.screen.say(
            f"{counted(verified.events, 'event')} of the log of {verified.node[:12]}: {end_of_it}."
        )
        session.screen.say(f"Fingerprint  {digits}")
    if not verified.is_sound:
        raise typer.Exit(FAILED)


def checkpoint(session: Session) -> None:
    """Sign the log's head now, and ask the witnesses to cosign it. The running node does so by itself."""
    auditing.take_all_in(session.node)
    with session.work("node.manage") as work:
        sign_head(work)
        shown = show_head(work, witness_policy(session.settings), now=True)
        newest = newest_log(work.connection)
        size = newest.size if newest else 0
        head = newest_checkpoint(work.connection, newest.number) if newest else None
        record(work, "audit.checkpointed", detail={"size": size, "witnesses": shown})
    # After the commit: what was seen on the way there, such as an alarm, stays.
    if head is None or head.size < size:
        raise ConflictError(
            "Nothing was signed: after a restore the log waits for its witnesses, or it does not continue a "
            "head that was signed before. iars audit verify says which."
        )
    session.screen.done(
        f"The head of {counted(size, 'event')} is signed; "
        f"{counted(shown, 'organisation is', 'organisations are')} asked to cosign it.",
        {"size": size, "witnesses": shown},
    )


def rebuild(
    session: Session,
    write: Annotated[bool, typer.Option("--write", help="Replace the damaged tree.")] = False,
) -> None:
    """Build the log's tree anew from its events, where the table that holds it is damaged.

    Without --write nothing is changed: it says whether the events give the last head that was signed. With
    it, the tree is replaced if they do. Events that are not those that were signed are refused: that is no
    damage to mend but a change to explain.
    """
    with session.work("node.manage") as work:
        found = [auditing.describe_rebuilt(each) for each in rebuilding.rebuild(work, write=write)]
    session.screen.show_list(found, REBUILT, none="Nothing is in the log yet.")
    if not all(each["continues"] for each in found):
        raise typer.Exit(FAILED)


def list_alarms(
    session: Session,
    everything: Annotated[bool, typer.Option("--all", help="Acknowledged ones too.")] = False,
) -> None:
    """List what nobody has acknowledged yet."""
    with session.work("alarm.read") as work:
        found = alarms.page(work.connection) if everything else alarms.open_alarms(work.connection)
    entries = [
        {
            "id": alarm.id,
            "kind": alarm.kind,
            "subject": alarm.subject,
            "times": alarm.times,
            "at": alarm.at,
            "last_at": alarm.last_at,
            "detail": dict(alarm.detail),
            "acknowledged": alarm.acknowledged_at is not None,
        }
        for alarm in found
    ]
    session.screen.show_list(entries, ALARM_COLUMNS, none="No alarm is open.")


def acknowledge(session: Session, alarm: Annotated[str, typer.Argument(help="The alarm's id.")]) -> None:
    """Say that you have seen to an alarm. A new occurrence opens a new one."""
    with session.work("alarm.acknowledge") as work:
        alarms.acknowledge(work, alarm)
    session.screen.done("The alarm is acknowledged.", {"id": alarm, "acknowledged": True})
