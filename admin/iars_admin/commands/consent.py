"""`iars consent`: what people agreed to."""

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin.command import command, group
from iars_admin.naming import find_case
from iars_admin.passphrases import read_line
from iars_admin.session import Session
from iars_node.consent import service as consents
from iars_node.consent.model import FROM_WHOM, HOW_OBTAINED, Consent, Recipient, Terms, Withheld
from iars_node.errors import InvalidError
from iars_node.peers import service as peers
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.work import Work
from iars_protocol.consent import ScopeGrant
from iars_protocol.record import SCOPES
from iars_protocol.vocabulary import PURPOSES, Step

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]

SCOPE_FORM = re.compile(r"([a-z]+)(?::(offer|acceptance))?(?:=([a-z0-9_,]+))?")
WITHHELD_FORM = re.compile(r"([a-z]+)(?:\.([a-z0-9_,]+))?(?:@(.+))?")

GIVE_EXAMPLE = (
    "iars consent give K-4F7Q --to mission --purpose assistance --scope services --scope identity "
    "--scope medical --withhold identity.document_number --feedback medical --notice-language ro"
)
COLUMNS = {
    "id": "Consent",
    "state": "State",
    "given_at": "Given",
    "expires": "Until",
    "purposes": "Purposes",
    "scope_codes": "Scopes",
}
LABELS = {
    "id": "Consent",
    "state": "State",
    "case_reference": "Case",
    "given_at": "Given",
    "expires": "Until",
    "purposes": "Purposes",
    "recipient_names": "Recipients",
    "scope_codes": "Scopes",
    "feedback": "May be told back",
    "withheld": "Withheld",
    "how_obtained": "Obtained",
    "from_whom": "From",
    "notice_language": "Notice read in",
    "with_interpreter": "With interpreter",
    "onward": "Onward sharing",
    "retention_days": "Kept for (days)",
    "reasons": "In the person's words",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    consent = group(app, "consent", "What people agreed to: which scopes, to whom, for what, until when.")
    command(consent, "give", examples=(GIVE_EXAMPLE,))(give)
    command(consent, "list", examples=("iars consent list K-4F7Q",))(list_consents)
    command(consent, "show", examples=("iars consent show 5f0c...",))(show)
    some = "iars consent withdraw 5f0c... --scope medical --to mission"
    command(consent, "withdraw", examples=("iars consent withdraw 5f0c...", some))(withdraw)


def give(
    session: Session,
    case: CaseArgument,
    purpose: Annotated[list[str], typer.Option(help=f"Can be repeated: {', '.join(PURPOSES)}.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="CODE[:offer][=FIELD,FIELD]",
            help="What may be shared; can be repeated. With :offer it leaves with the first message, "
            f"otherwise once they accept. With fields, only these. Scopes: {', '.join(SCOPES)}.",
        ),
    ],
    notice_language: Annotated[
        str, typer.Option(help="The language in which the notice was read, such as sq.")
    ],
    to: Annotated[
        list[str] | None, typer.Option(help="An organisation, by name or node id. Can be repeated.")
    ] = None,
    to_type: Annotated[
        list[str] | None, typer.Option(help="Every organisation of a type, such as NGO. Can be repeated.")
    ] = None,
    days: Annotated[int, typer.Option(help="For how many days.", min=1, max=3660)] = 90,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day, instead of --days.")
    ] = None,
    withhold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE[.FIELD,FIELD][@PEER]",
            help="What is kept back, from all or from one. Can be repeated.",
        ),
    ] = None,
    feedback: Annotated[
        list[str] | None, typer.Option(help="A scope of which the other side may tell back. Can be repeated.")
    ] = None,
    obtained: Annotated[str, typer.Option(help=f"How: {', '.join(HOW_OBTAINED)}.")] = "verbal",
    from_whom: Annotated[str, typer.Option("--from", help=f"From whom: {', '.join(FROM_WHOM)}.")] = "person",
    interpreter: Annotated[bool, typer.Option("--interpreter", help="An interpreter helped.")] = False,
    onward: Annotated[bool, typer.Option("--onward", help="Onward sharing is allowed.")] = False,
    retention_days: Annotated[int, typer.Option(help="How long recipients may keep it.", min=1)] = 365,
    jurisdiction: Annotated[str, typer.Option(help="The law that applies, as a country.")] = "",
    reasons_file: Annotated[
        Path | None, typer.Option(help="A file with what the person said about it; it is kept sealed.")
    ] = None,
) -> None:
    """Record that a person gave consent. Only what is named here ever leaves."""
    with session.work("consent.record") as work:
        terms = Terms(
            purposes=tuple(purpose),
            scopes=tuple(_scope(entry) for entry in scope),
            recipients=_recipients(work, to or [], to_type or []),
            expires=_end(session, work, days, until),
            notice_language=notice_language,
            how_obtained=obtained,
            from_whom=from_whom,
            feedback=tuple(feedback or ()),
            withheld=tuple(_withheld(work, entry) for entry in withhold or []),
            retention_days=retention_days,
            jurisdiction=jurisdiction,
            with_interpreter=interpreter,
            is_onward_allowed=onward,
            reasons="" if reasons_file is None else read_line(reasons_file),
        )
        found = find_case(work, case)
        given = consents.give_consent(work, found.id, terms)
        entry = described(work, given)
    session.screen.done(f"Recorded consent {given.id} for {found.reference}.", entry)


def _recipients(work: Work, to: list[str], types: list[str]) -> tuple[Recipient, ...]:
    nodes = [Recipient(node=peers.resolve(work, text).node_text) for text in to]
    return (*nodes, *(Recipient(organisation_type=code) for code in types))


def _end(session: Session, work: Work, days: int, until: datetime | None) -> datetime:
    if until is None:
        return work.now + timedelta(days=days)
    # The last day ends at midnight where the organisation works.
    midnight = datetime.combine(until.date() + timedelta(days=1), time(), ZoneInfo(session.settings.zone))
    return midnight.astimezone(UTC)


def _scope(text: str) -> ScopeGrant:
    matched = SCOPE_FORM.fullmatch(text)
    if matched is None or matched[1] not in SCOPES:
        raise InvalidError(
            "A scope can't be read; nothing was recorded.",
            {"scope": f"accepted: CODE[:offer][=FIELD,FIELD] with {', '.join(SCOPES)}"},
        )
    code, step, fields = matched.groups()
    usual = consents.default_scope(code)
    only = tuple(fields.split(",")) if fields else ()
    _check_fields(code, only)
    if step is None:
        return ScopeGrant(code, usual.step, usual.at_offer, only)
    chosen: Step = "offer" if step == "offer" else "acceptance"
    return ScopeGrant(code, chosen, usual.at_offer if chosen == usual.step else (), only)


def _withheld(work: Work, text: str) -> Withheld:
    matched = WITHHELD_FORM.fullmatch(text)
    if matched is None or matched[1] not in SCOPES:
        raise InvalidError(
            "What is withheld can't be read; nothing was recorded.",
            {"withhold": "accepted: SCOPE[.FIELD,FIELD][@PEER]"},
        )
    code, names, peer = matched.groups()
    fields = tuple(names.split(",")) if names else ()
    _check_fields(code, fields)
    return Withheld(code, fields, peers.resolve(work, peer).node_text if peer else "")


def _check_fields(code: str, fields: tuple[str, ...]) -> None:
    known = SCOPES[code].fields
    if unknown := sorted(set(fields) - known.keys()):
        raise InvalidError(
            f"Not fields of {code}: {', '.join(unknown)}; nothing was recorded.",
            {"scope": f"accepted: {', '.join(known)}"},
        )


def list_consents(session: Session, case: CaseArgument) -> None:
    """List a case's consents, the newest first."""
    with session.work("consent.read") as work:
        found = [described(work, one) for one in consents.of_case(work, find_case(work, case).id)]
    session.screen.show_list(found, COLUMNS, none="No consent is recorded for this case.")


def show(session: Session, consent: Annotated[str, typer.Argument(help="The consent's id.")]) -> None:
    """Show what a person agreed to."""
    with session.work("consent.read") as work:
        session.screen.show_one(described(work, consents.get(work, consent)), LABELS)


def withdraw(
    session: Session,
    consent: Annotated[list[str], typer.Argument(help="The consent's id. Several can be named.")],
    scope: Annotated[list[str] | None, typer.Option(help="Only this part. Can be repeated.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="Only for this. Can be repeated.")] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="Only from this organisation. Can be repeated.")
    ] = None,
    by_other: Annotated[
        bool, typer.Option("--by-other", help="Not the person withdraws: somebody else revokes.")
    ] = False,
) -> None:
    """End a consent at once and tell every organisation that received something. No reason is asked."""
    with session.work("consent.withdraw") as work:
        recipients = tuple(peers.resolve(work, text).node_text for text in to or [])
        part = Part(tuple(scope or ()), tuple(purpose or ()), recipients)
        notices = withdrawals.withdraw(work, consent, part, by="other" if by_other else "person")
        told = [{"id": each.id, "node": each.peer.hex(), "deadline_at": each.deadline_at} for each in notices]
    session.screen.done(
        f"Withdrawn. {len(told)} organisations are told; `iars erasure asked` shows their answers.",
        {"told": told},
    )


def described(work: Work, consent: Consent) -> dict[str, object]:
    """Return a consent as it is shown."""
    terms = consent.terms
    names = {peer.node_text: peer.name() for peer in peers.every(work)}
    return {
        "id": consent.id,
        "case_id": consent.case_id,
        "state": consent.state_at(work.now),
        "version": consent.version,
        "given_at": consent.given_at,
        "expires": terms.expires,
        "purposes": list(terms.purposes),
        "scopes": [
            {
                "code": one.code,
                "step": one.step,
                "at_offer": one.at_offer,
                "only": one.only,
                "withheld": one.withheld,
            }
            for one in terms.scopes
        ],
        "scope_codes": [one.code for one in terms.scopes],
        "recipients": [
            {"node": one.node, "organisation_type": one.organisation_type} for one in terms.recipients
        ],
        "recipient_names": [
            names.get(one.node, one.organisation_type or one.node) for one in terms.recipients
        ],
        "withheld": [
            f"{one.scope}{''.join(f'.{name}' for name in one.fields)}{f'@{one.node}' if one.node else ''}"
            for one in terms.withheld
        ],
        "feedback": list(terms.feedback),
        "how_obtained": terms.how_obtained,
        "from_whom": terms.from_whom,
        "notice_language": terms.notice_language,
        "with_interpreter": terms.with_interpreter,
        "onward": terms.is_onward_allowed,
        "retention_days": terms.retention_days,
        "jurisdiction": terms.jurisdiction,
        "reasons": terms.reasons,
        "recorded_by": consent.recorded_by,
    }
