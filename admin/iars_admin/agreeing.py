"""What commands are told of a consent: its options, read into terms, and how a consent is shown."""

# Typer reads annotations while the program runs: they are not postponed here.

import inspect
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from iars_admin.passphrases import read_line
from iars_admin.session import Session
from iars_node.consent import service as consents
from iars_node.consent.model import (
    ASSENT,
    FROM_WHOM,
    HOW_OBTAINED,
    WITHDRAWAL_WAYS,
    WORDS,
    Consent,
    Recipient,
    Terms,
    Withheld,
    joined,
)
from iars_node.consent.receipt import number_of
from iars_node.errors import InvalidError
from iars_node.peers import service as peers
from iars_node.work import Work
from iars_protocol.consent import ScopeGrant
from iars_protocol.record import SCOPES
from iars_protocol.vocabulary import PURPOSES, Step

SCOPE_FORM = re.compile(r"([a-z]+)(?::(offer|acceptance))?(?:=([a-z0-9_,]+))?")
WITHHELD_FORM = re.compile(r"([a-z]+)(?:\.([a-z0-9_,]+))?(?:@(.+))?")
REQUIRED: Any = inspect.Parameter.empty

_AT_ONCE = [code for code, scope in SCOPES.items() if scope.step == "offer"]
_AT_ONCE += [
    f"{code}.{name}" for code, scope in SCOPES.items() if scope.step != "offer" for name in scope.at_offer
]

PurposeOption = Annotated[list[str], typer.Option(help=f"Can be repeated: {', '.join(PURPOSES)}.")]
ScopeOption = Annotated[
    list[str],
    typer.Option(
        metavar="CODE[:offer][=FIELD,FIELD]",
        help="What may be shared; can be repeated. With :offer all of it leaves with the first message; "
        f"without a word, {', '.join(_AT_ONCE)} do, and the rest once they accept. "
        f"With fields, only these. Scopes: {', '.join(SCOPES)}.",
    ),
]
ToOption = Annotated[
    list[str] | None, typer.Option(help="An organisation, by name or node id. Can be repeated.")
]
DaysOption = Annotated[int, typer.Option(help="For how many days.", min=1, max=3660)]
UntilOption = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day, instead of --days.")
]
WithholdOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SCOPE[.FIELD,FIELD][@PEER]",
        help="What is kept back, from all or from one. Can be repeated.",
    ),
]
FeedbackOption = Annotated[
    list[str] | None, typer.Option(help="A scope of which the other side may tell back. Can be repeated.")
]

# How it was obtained: asked again whenever the person agrees anew.
OBTAINED: dict[str, tuple[Any, Any]] = {
    "notice_language": (
        Annotated[str, typer.Option(help="The language in which the notice was read, such as sq.")],
        REQUIRED,
    ),
    "obtained": (Annotated[str, typer.Option(help=f"How: {', '.join(HOW_OBTAINED)}.")], "verbal"),
    "from_whom": (
        Annotated[str, typer.Option("--from", help=f"From whom: {', '.join(FROM_WHOM)}.")],
        "person",
    ),
    "interpreter": (Annotated[bool, typer.Option("--interpreter", help="An interpreter helped.")], False),
    "child": (
        Annotated[bool, typer.Option("--child", help="The person is a child, though no age is recorded.")],
        False,
    ),
    "assent": (Annotated[str, typer.Option(help=f"Of a child: {', '.join(ASSENT)}.")], ""),
    "evidence": (
        Annotated[
            list[str] | None,
            typer.Option(help="An attachment of the case: the scan or recording. Can be repeated."),
        ],
        None,
    ),
    "words_file": (
        Annotated[
            Path | None,
            typer.Option(
                help=f"A TOML file with what was said and who helped, kept sealed: {', '.join(WORDS)}."
            ),
        ],
        None,
    ),
    "days": (DaysOption, 90),
    "until": (UntilOption, None),
}
AGREED: dict[str, tuple[Any, Any]] = {
    "purpose": (PurposeOption, REQUIRED),
    "scope": (ScopeOption, REQUIRED),
    "to": (ToOption, None),
    "to_type": (
        Annotated[
            list[str] | None,
            typer.Option(help="Every organisation of a type, such as NGO. Can be repeated."),
        ],
        None,
    ),
    "withhold": (WithholdOption, None),
    "feedback": (FeedbackOption, None),
    "onward": (Annotated[bool, typer.Option("--onward", help="Onward sharing is allowed.")], False),
    "retention_days": (Annotated[int, typer.Option(help="How long recipients may keep it.", min=1)], 365),
    "jurisdiction": (
        Annotated[str, typer.Option(help="The law that applies, as a country's two letters.")],
        "",
    ),
    "withdraw_by": (
        Annotated[
            list[str] | None,
            typer.Option(help=f"How it can be withdrawn: {', '.join(WITHDRAWAL_WAYS)}. Can be repeated."),
        ],
        None,
    ),
    "reasons_file": (
        Annotated[
            Path | None, typer.Option(help="A file with what the person said about it; it is kept sealed.")
        ],
        None,
    ),
}
LESS: dict[str, tuple[Any, Any]] = {
    "without_scope": (Annotated[list[str] | None, typer.Option(help="A scope that goes.")], None),
    "without_recipient": (
        Annotated[list[str] | None, typer.Option(help="An organisation, or a type, that goes.")],
        None,
    ),
    "without_purpose": (Annotated[list[str] | None, typer.Option(help="A purpose that goes.")], None),
    "without_feedback": (
        Annotated[list[str] | None, typer.Option(help="A scope of which nothing is told back any more.")],
        None,
    ),
    "withhold": (WithholdOption, None),
}


def with_options(*tables: dict[str, tuple[Any, Any]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options from tables, beside those that it names itself."""

    def add(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function)
        kept = [part for part in own.parameters.values() if part.kind is not inspect.Parameter.VAR_KEYWORD]
        merged = {name: entry for table in tables for name, entry in table.items()}
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in merged.items()
        ]
        vars(function)["__signature__"] = own.replace(parameters=[*kept, *more])
        return function

    return add


def read_terms(session: Session, work: Work, given: dict[str, Any]) -> Terms:
    """Read what a person agreed to, and how, from a command's options."""
    terms = Terms(
        purposes=tuple(given["purpose"]),
        scopes=tuple(read_scope(entry) for entry in given["scope"]),
        recipients=_recipients(work, given["to"] or [], given["to_type"] or []),
        expires=read_end(session, work, given["days"], given["until"]),
        notice_language=given["notice_language"],
        how_obtained=given["obtained"],
        feedback=tuple(given["feedback"] or ()),
        withheld=tuple(_withheld(work, entry) for entry in given["withhold"] or []),
        retention_days=given["retention_days"],
        jurisdiction=given["jurisdiction"],
        is_onward_allowed=given["onward"],
        withdrawal_ways=tuple(given["withdraw_by"] or ("in-person",)),
        reasons="" if given["reasons_file"] is None else read_line(given["reasons_file"]),
    )
    return _obtained(terms, given)


def renewed_terms(session: Session, work: Work, older: Terms, given: dict[str, Any]) -> Terms:
    """Return what was agreed before, for a new time, as it was obtained now, less what goes."""
    expires = read_end(session, work, given["days"], given["until"])
    unsaid: dict[str, Any] = {name: "" for name in WORDS if name != "reasons"}
    again = replace(
        lessened_terms(work, older, given),
        expires=expires,
        not_before=None,
        notice=None,
        notice_language=given["notice_language"],
        how_obtained=given["obtained"],
        evidence=(),
        with_witness=False,
        **unsaid,
    )
    return _obtained(again, given)


def _obtained(terms: Terms, given: dict[str, Any]) -> Terms:
    return replace(
        terms,
        from_whom=given["from_whom"],
        with_interpreter=given["interpreter"],
        is_child=given["child"],
        assent=given["assent"],
        evidence=tuple(given["evidence"] or ()),
        **_words(given["words_file"]),
    )


def _words(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        said = tomllib.loads(read_line(file))
    except tomllib.TOMLDecodeError as error:
        raise InvalidError("The file of words is no TOML; nothing was recorded.") from error
    if set(said) - set(WORDS) or not all(isinstance(word, str) for word in said.values()):
        raise InvalidError(
            "The file of words can't be used; nothing was recorded.",
            {"words_file": f"accepted: texts named {', '.join(WORDS)}"},
        )
    return said


def lessened_terms(work: Work, older: Terms, given: dict[str, Any]) -> Terms:
    """Return terms without what goes."""
    gone = {name: set(given[f"without_{name}"] or ()) for name in ("scope", "purpose", "feedback")}
    nodes = {_party(work, text) for text in given["without_recipient"] or ()}
    return replace(
        older,
        scopes=tuple(scope for scope in older.scopes if scope.code not in gone["scope"]),
        purposes=tuple(code for code in older.purposes if code not in gone["purpose"]),
        feedback=tuple(code for code in older.feedback if code not in gone["feedback"]),
        recipients=tuple(
            item for item in older.recipients if (item.node or item.organisation_type) not in nodes
        ),
        withheld=joined((*older.withheld, *(_withheld(work, entry) for entry in given["withhold"] or ()))),
    )


def _party(work: Work, text: str) -> str:
    known = {peer.organisation_type for peer in (one.listing for one in peers.every(work))}
    return text if text in known else peers.resolve(work, text).node_text


def _recipients(work: Work, to: list[str], types: list[str]) -> tuple[Recipient, ...]:
    nodes = [Recipient(node=peers.resolve(work, text).node_text) for text in to]
    return (*nodes, *(Recipient(organisation_type=code) for code in types))


def read_end(session: Session, work: Work, days: int, until: datetime | None) -> datetime:
    """Return the end of a time that is given in days or by its last day."""
    if until is None:
        return work.now + timedelta(days=days)
    # The last day ends at midnight where the organisation works.
    midnight = datetime.combine(until.date() + timedelta(days=1), time(), ZoneInfo(session.settings.zone))
    return midnight.astimezone(UTC)


def read_scope(text: str) -> ScopeGrant:
    """Read a scope with its step and fields."""
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


def described(work: Work, consent: Consent) -> dict[str, object]:
    """Return a consent as it is shown."""
    return {
        "id": consent.id,
        "number": number_of(consent.id),
        "case_id": consent.case_id,
        "state": "replaced" if consent.is_replaced else consent.state_at(work.now),
        "version": consent.version,
        "replaces": consent.replaces,
        "given_at": consent.given_at,
        "ended_at": consent.ended_at,
        "recorded_by": consent.recorded_by,
        **described_terms(work, consent.terms),
    }


def _withheld_text(item: Withheld) -> str:
    fields = f".{','.join(item.fields)}" if item.fields else ""
    return f"{item.scope}{fields}{f'@{item.node}' if item.node else ''}"


def described_terms(work: Work, terms: Terms) -> dict[str, object]:
    """Return terms as they are shown."""
    names = {peer.node_text: peer.name() for peer in peers.every(work)}
    return {
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
        "withheld": [_withheld_text(one) for one in terms.withheld],
        "feedback": list(terms.feedback),
        "how_obtained": terms.how_obtained,
        "from_whom": terms.from_whom,
        "notice_language": terms.notice_language,
        "notice": "" if terms.notice is None else f"{terms.notice.id}-{terms.notice.version}",
        "with_interpreter": terms.with_interpreter,
        "with_witness": terms.with_witness,
        "assent": terms.assent,
        "evidence": list(terms.evidence),
        "withdrawal_ways": list(terms.withdrawal_ways),
        "onward": terms.is_onward_allowed,
        "retention_days": terms.retention_days,
        "jurisdiction": terms.jurisdiction,
        **{name: getattr(terms, name) for name in WORDS},
    }


def ending(terms: Terms, expires: datetime) -> Terms:
    """Return terms that end at another moment."""
    return replace(terms, expires=expires)
