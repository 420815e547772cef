"""`iars audit` and `iars alarm`: what happened, and what somebody must look at."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin.command import command, group
from iars_admin.session import Session
from iars_node.accounts import store as account_store
from iars_node.audit import alarms, store
from iars_node.audit.model import AuditFilter, RecordedEvent
from iars_node.audit.service import is_intact, record
from iars_node.cases.service import case_by_reference
from iars_node.peers import service as peers
from iars_node.work import Work

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
    audit = group(app, "audit", "The audit log: who did what, when, to which record.")
    listed = ("iars audit list --limit 20", "iars audit list --action exchange. --since 2026-03-01")
    command(audit, "list", examples=listed)(list_events)
    alarm = group(app, "alarm", "What went wrong and may need a person.")
    command(alarm, "list", examples=("iars alarm list",))(list_alarms)
    command(alarm, "acknowledge", examples=("iars alarm acknowledge 5f0c...",))(acknowledge)


def list_events(
    session: Session,
    action: Annotated[
        str, typer.Option(help="Only this action, or all that begin like it (exchange.).")
    ] = "",
    case: Annotated[str, typer.Option(help="Only about this case (K-... or id).")] = "",
    referral: Annotated[str, typer.Option(help="Only about this referral (id).")] = "",
    peer: Annotated[str, typer.Option(help="Only with this organisation.")] = "",
    by: Annotated[str, typer.Option(help="Only by this actor's id.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=DAY, help="From this day or minute on.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="Before this day or minute.")] = None,
    limit: Annotated[int, typer.Option(help="How many at the most.", min=1, max=500)] = 50,
    cursor: Annotated[int | None, typer.Option(help="The next page, as the page before named it.")] = None,
) -> None:
    """Show the audit log, the newest first. It holds ids and codes only."""
    zone = ZoneInfo(session.settings.zone)
    with session.work("audit.read") as work:
        filters = AuditFilter(
            case_id=case_by_reference(work, case.upper()).id if case.upper().startswith("K-") else case,
            referral_id=referral,
            actor_id=by,
            peer_id=peers.resolve(work, peer).node_text if peer else "",
            action=action,
            since=_moment(since, zone),
            until=_moment(until, zone),
        )
        page = store.page(work.connection, filters, cursor, limit)
        entries = _entries(work, page.events)
        record(work, "audit.read", detail={"count": len(entries)})
    if session.choice.as_json:
        session.screen.done("", {"events": entries, "cursor": page.next_cursor})
        return
    session.screen.show_list(entries, COLUMNS, none="Nothing was recorded.")
    if page.next_cursor is not None:
        session.screen.say(f"More: --cursor {page.next_cursor}")


def _moment(given: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if given is None else given.replace(tzinfo=zone).astimezone(UTC)


def _entries(work: Work, events: list[RecordedEvent]) -> list[dict[str, object]]:
    names = {account.id: account.name for account in account_store.accounts(work.connection)}
    return [_entry(recorded, names) for recorded in events]


def _entry(recorded: RecordedEvent, names: dict[str, str]) -> dict[str, object]:
    event = recorded.event
    return {
        "seq": recorded.seq,
        "id": event.id,
        "at": event.at,
        "action": event.action,
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "actor_name": names.get(event.actor_id, event.actor_id[:12]),
        "purpose": event.purpose,
        "case_id": event.case_id,
        "referral_id": event.referral_id,
        "peer_id": event.peer_id,
        "subject": event.subject,
        "scopes": list(event.scopes),
        "detail": dict(event.detail),
        "leaf": recorded.leaf,
        "intact": is_intact(recorded),
    }


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
