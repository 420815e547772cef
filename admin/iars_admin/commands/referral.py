"""`iars referral`: referring people, and answering."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin import previewing, referring
from iars_admin.command import FAILED, command, group
from iars_admin.naming import find_case, read_pairs, show_scopes
from iars_admin.passphrases import is_attended, read_line
from iars_admin.referring import Wanted
from iars_admin.session import Session
from iars_admin.sharing import OnwardOption, UnnamedOption, ask_before_handover
from iars_node.audit.service import record
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Referral
from iars_node.referrals.service.reading import Page
from iars_node.referrals.service.showing import note_shown
from iars_node.work import Work
from iars_protocol.record import PRIORITIES, REASONS, SERVICES
from iars_protocol.referral import STATES

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]
ReferralArgument = Annotated[str, typer.Argument(metavar="REFERRAL", help="Its reference (R-...) or id.")]
PeerOption = Annotated[
    str, typer.Option("--to", help="The organisation: the beginning of its name or node id.")
]
ServiceOption = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}.")]
PriorityOption = Annotated[str, typer.Option(help=f"One of {', '.join(PRIORITIES)}.")]
ConsentOption = Annotated[
    str, typer.Option(help="The consent's id.", show_default="the newest one that covers it")
]
HandoverOption = Annotated[
    bool, typer.Option("--handover", help="Hand the case over: responsibility moves when they accept.")
]
TextOption = Annotated[
    list[str] | None,
    typer.Option(metavar="SCOPE=TEXT", help="A sentence under the scope that it touches. Can be repeated."),
]
AttachmentOption = Annotated[
    list[str] | None, typer.Option(help="An attachment of the case, by id. Can be repeated.")
]
StateOption = Annotated[
    list[str] | None,
    typer.Option(
        help=f"Only of this state: {', '.join(STATES)}. Can be repeated.", callback=referring.known_states
    ),
]
RemarkOption = Annotated[str, typer.Option(help="A remark about the service, never about the person.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    referral = group(app, "referral", "Refer people to other organisations, and answer their referrals.")
    send_line = "K-4F7Q --to mission --service MED-SCREEN --priority urgent"
    command(referral, "preview", examples=(f"iars referral preview {send_line}",))(preview)
    command(referral, "send", examples=(f"iars referral send {send_line}",))(send)
    command(referral, "list", examples=("iars referral list --in --state requested",))(list_referrals)
    command(referral, "show", examples=("iars referral show R-8K2M",))(show)
    command(referral, "accept", examples=("iars referral accept R-8K2M",))(accept)
    command(referral, "reject", examples=("iars referral reject R-8K2M --reason no-capacity",))(reject)
    command(referral, "begin", examples=("iars referral begin R-8K2M",))(begin)
    command(referral, "hold", examples=("iars referral hold R-8K2M --reason waiting-documents",))(hold)
    command(referral, "complete", examples=("iars referral complete R-8K2M",))(complete)
    command(referral, "fail", examples=("iars referral fail R-8K2M --reason no-show",))(fail)
    command(referral, "cancel", examples=("iars referral cancel R-8K2M --reason person-declined",))(cancel)
    noted = ('iars referral note R-8K2M --text "medical=Vaccinated today."',)
    command(referral, "note", examples=noted)(note)
    command(referral, "amend", examples=("iars referral amend R-8K2M --scope medical",))(amend)
    appointed = ('iars referral appoint R-8K2M scheduled "2026-05-04 10:00"',)
    command(referral, "appoint", examples=appointed)(appoint)
    command(referral, "mistake", examples=("iars referral mistake R-8K2M",))(mistake)
    verified = ("iars referral verify R-8K2M", "iars referral verify R-8K2M --against theirs.json")
    command(referral, "verify", examples=verified)(verify)


def preview(
    session: Session,
    case: CaseArgument,
    to: PeerOption,
    service: ServiceOption,
    priority: PriorityOption = "normal",
    consent: ConsentOption = "",
    handover: HandoverOption = False,
    text: TextOption = None,
    attachment: AttachmentOption = None,
    onward: OnwardOption = "",
) -> None:
    """Show exactly what would leave now, what on acceptance, and what never. Nothing is sent."""
    wanted = Wanted(
        case,
        to,
        service,
        priority,
        consent,
        handover,
        read_pairs(text or [], "--text"),
        tuple(attachment or ()),
        onward,
    )
    _preview(session, wanted)


def send(
    session: Session,
    case: CaseArgument,
    to: PeerOption,
    service: ServiceOption,
    priority: PriorityOption = "normal",
    consent: ConsentOption = "",
    handover: HandoverOption = False,
    text: TextOption = None,
    attachment: AttachmentOption = None,
    onward: OnwardOption = "",
    unnamed: UnnamedOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after the preview.")] = False,
) -> None:
    """Refer a person. In a terminal the preview comes first, and a question."""
    wanted = Wanted(
        case,
        to,
        service,
        priority,
        consent,
        handover,
        read_pairs(text or [], "--text"),
        tuple(attachment or ()),
        onward,
        not unnamed,
    )
    if not yes and is_attended() and not session.choice.as_json:
        _preview(session, wanted)
        typer.confirm("Hand the whole case over?" if handover else "Send this?", abort=True)
    with session.work("referral.send") as work:
        offering, peer = referring.offering_of(work, wanted)
        sent = referrals.send_referral(work, offering, peer.node_id)
        entry = referring.described(work, sent)
    session.screen.done(f"{sent.reference} waits to be sent to {peer.name()}.", entry)


def _preview(session: Session, wanted: Wanted) -> None:
    with session.work("referral.send") as work:
        offering, peer = referring.offering_of(work, wanted)
        entry = previewing.preview_entry(work, offering, peer, referrals.preview(work, offering, peer))
        record(work, "referral.previewed", case_id=offering.case_id, peer_id=peer.node_text)
    if session.choice.as_json:
        session.screen.done("", entry)
    else:
        previewing.show_preview(session.screen, entry)


def list_referrals(
    session: Session,
    received: Annotated[bool, typer.Option("--in", help="Only what others sent here.")] = False,
    sent: Annotated[bool, typer.Option("--out", help="Only what was sent from here.")] = False,
    state: StateOption = None,
    case: Annotated[str, typer.Option(help="Only of this case.")] = "",
    limit: Annotated[int, typer.Option(help="How many at the most.", min=1, max=500)] = 50,
    cursor: Annotated[str, typer.Option(help="The next page, as the page before named it.")] = "",
) -> None:
    """List referrals, those that changed last first."""
    direction = "" if received == sent else "in" if received else "out"
    with session.work("referral.read") as work:
        if case:
            page = Page(tuple(referrals.of_case(work, find_case(work, case).id)), "")
        else:
            page = referrals.list_referrals(
                work, direction=direction, states=state or (), cursor=cursor, limit=limit
            )
        entries = [referring.described(work, one) for one in page.referrals]
    if session.choice.as_json:
        session.screen.done("", {"referrals": entries, "cursor": page.cursor or None})
        return
    session.screen.show_list(entries, referring.COLUMNS, none="There is no referral.")
    if page.cursor:
        session.screen.say(f"More: --cursor {page.cursor}")


def show(session: Session, referral: ReferralArgument) -> None:
    """Show a referral, what the other side has shown so far, and every step with its receipt."""
    with session.work("referral.read") as work:
        found = referrals.find(work, referral)
        entry = referring.described(work, found)
        content = {}
        if found.direction == "in":
            content = referring.content_of(referrals.received_content(work, found.id).values())
        thread = referrals.timeline(work, found.id)
        note_shown(work, found, thread)
        steps = [referring.step_of(one) for one in thread]
    if session.choice.as_json:
        session.screen.done("", entry | {"received": content, "steps": steps})
        return
    session.screen.show_one(entry, referring.LABELS)
    show_scopes(session.screen, content)
    session.screen.heading("Steps")
    session.screen.show_list(steps, referring.STEP_COLUMNS, none="None.")


def accept(
    session: Session,
    referral: ReferralArgument,
    case: Annotated[str, typer.Option(help="Take it into this case instead of a new one.")] = "",
    remark: RemarkOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a handover.")] = False,
) -> None:
    """Accept a referral. A case is opened, unless the person came before; the rest is disclosed."""
    if not yes and is_attended() and not session.choice.as_json:
        ask_before_handover(session, referral)

    def take(work: Work, found: Referral) -> Referral:
        known = find_case(work, case).id if case else ""
        return referrals.accept(
            work, found.id, case_id=known, remark=remark, training=session.settings.training
        )

    _act(session, "referral.accept", referral, take)


def reject(
    session: Session,
    referral: ReferralArgument,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS['reject'])}.")],
    remark: RemarkOption = "",
) -> None:
    """Reject a referral. What came with it is erased here."""
    _act(
        session,
        "referral.accept",
        referral,
        lambda work, found: referrals.reject(work, found.id, reason, remark),
    )


def begin(
    session: Session, referral: ReferralArgument, remark: RemarkOption = "", text: TextOption = None
) -> None:
    """Say that the service has begun, or goes on after it was on hold."""
    texts = read_pairs(text or [], "--text")
    _act(
        session,
        "referral.progress",
        referral,
        lambda work, found: referrals.begin(work, found.id, remark, texts),
    )


def hold(
    session: Session,
    referral: ReferralArgument,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS['hold'])}.")],
    remark: RemarkOption = "",
    text: TextOption = None,
) -> None:
    """Put the service on hold: it has to wait."""
    texts = read_pairs(text or [], "--text")
    _act(
        session,
        "referral.progress",
        referral,
        lambda work, found: referrals.hold(work, found.id, reason, remark, texts),
    )


def complete(
    session: Session, referral: ReferralArgument, remark: RemarkOption = "", text: TextOption = None
) -> None:
    """Say that the service was given. The other side learns what the person allowed."""
    texts = read_pairs(text or [], "--text")
    _act(
        session,
        "referral.progress",
        referral,
        lambda work, found: referrals.complete(work, found.id, remark, texts),
    )


def fail(
    session: Session,
    referral: ReferralArgument,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS['fail'])}.")],
    remark: RemarkOption = "",
    text: TextOption = None,
) -> None:
    """Say that the service could not be given."""
    texts = read_pairs(text or [], "--text")
    _act(
        session,
        "referral.progress",
        referral,
        lambda work, found: referrals.fail(work, found.id, reason, remark, texts),
    )


def cancel(
    session: Session,
    referral: ReferralArgument,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS['cancel'])}.")],
    remark: RemarkOption = "",
) -> None:
    """Cancel a referral before its service is complete; either side may."""
    _act(
        session,
        "referral.cancel",
        referral,
        lambda work, found: referrals.cancel(work, found.id, reason, remark),
    )


def mistake(session: Session, referral: ReferralArgument, remark: RemarkOption = "") -> None:
    """Say that a referral that you sent was a mistake."""
    _act(
        session,
        "referral.cancel",
        referral,
        lambda work, found: referrals.enter_in_error(work, found.id, remark),
    )


def note(
    session: Session,
    referral: ReferralArgument,
    text: TextOption = None,
    scope: Annotated[str, typer.Option(help="The scope that the file touches.")] = "",
    file: Annotated[
        Path | None, typer.Option(help="A file with the text, kept out of the shell's history.")
    ] = None,
) -> None:
    """Write to the other side, each sentence under the scope that it touches.

    What stands on the command line also stands in the shell's history: for what is about the person, use
    --file.
    """
    given = [*(text or []), *([f"{scope}={read_line(file)}"] if file else [])]
    texts = read_pairs(given, "--text")
    _act(
        session, "referral.message", referral, lambda work, found: referrals.write_note(work, found.id, texts)
    )


def amend(
    session: Session,
    referral: ReferralArgument,
    scope: Annotated[
        list[str] | None, typer.Option(help="Only this scope. Can be repeated.", show_default="all agreed to")
    ] = None,
) -> None:
    """Send what changed in the case since, through the same consent."""
    _act(session, "referral.send", referral, lambda work, found: referrals.amend(work, found.id, scope or ()))


def appoint(
    session: Session,
    referral: ReferralArgument,
    outcome: Annotated[str, typer.Argument(help=f"One of {', '.join(REASONS['appointment'])}.")],
    at: Annotated[
        datetime, typer.Argument(formats=["%Y-%m-%d %H:%M"], help="When, in the organisation's zone.")
    ],
    remark: RemarkOption = "",
) -> None:
    """Tell of an appointment."""
    moment = at.replace(tzinfo=ZoneInfo(session.settings.zone))
    _act(
        session,
        "referral.progress",
        referral,
        lambda work, found: referrals.appoint(work, found.id, outcome, moment, remark=remark),
    )


def _act(
    session: Session, action: str, referral: str, use_case: Callable[[Work, Referral], Referral]
) -> None:
    with session.work(action) as work:
        acted = use_case(work, referrals.find(work, referral))
        entry = referring.described(work, acted)
    session.screen.done(f"{acted.reference} is {acted.state}.", entry)


def verify(
    session: Session,
    referral: ReferralArgument,
    against: Annotated[
        Path | None, typer.Option(help="The other side's history: its verify --json.", exists=True)
    ] = None,
) -> None:
    """Verify a referral's signatures, order and receipts from this node's own evidence."""
    with session.work("referral.read") as work:
        history = referrals.history(work, referrals.find(work, referral).id)
    entry, found = referring.history_entry(history), list(history.faults)
    if against is not None:
        found = referrals.differences(history, referring.read_history(read_line(against)))
        entry["differences"] = found
    session.screen.done(referring.verified(history, found), entry)
    if found:
        raise typer.Exit(FAILED)
