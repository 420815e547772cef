"""The receipt that a person takes along: what it says, in their language, in full or discreetly.

The discreet one names no service, no kind of organisation and no organisation: whoever finds it learns that
somebody agreed on something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.consent.texts import text_of, texts_in, to_read_out
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from iars_node.consent.model import Consent, Terms
    from iars_node.consent.texts import Texts
    from iars_protocol.consent import ScopeGrant

NUMBER_DIGITS = 12
NUMBER = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}")
"""The form of the number on a paper."""
_GROUP = 4


@dataclass(frozen=True, slots=True)
class Names:
    """How a receipt calls what it can't know itself.

    `organisations` are names by node id; `field` gives a field's name in the receipt's language, or nothing
    where it has none there; `day` and `listed` say a day and a list as that language does.
    """

    own: str
    organisations: Mapping[str, str]
    field: Callable[[str, str], str]
    day: Callable[[datetime], str]
    listed: Callable[[list[str]], str]


@dataclass(frozen=True, slots=True)
class Block:
    """A heading with its lines; without a heading, plain sentences."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What stands on the paper."""

    language: str
    title: str
    number: str
    blocks: tuple[Block, ...]
    is_discreet: bool


def number_of(consent_id: str) -> str:
    """Return the number under which a person can speak of a consent, such as 5F0C-7F6C-1E0B."""
    digits = consent_id[:NUMBER_DIGITS].upper()
    return "-".join(digits[start : start + _GROUP] for start in range(0, NUMBER_DIGITS, _GROUP))


def compose(given: Consent, names: Names) -> Receipt:
    """Write the whole receipt."""
    texts, terms = texts_in(given.terms.notice_language), given.terms
    blocks = (
        *_facts(given, texts, names),
        Block(texts.word("receipt", "recipients"), tuple(_recipients(terms, texts, names))),
        Block(texts.word("receipt", "purposes"), _words(texts, "purpose", terms.purposes)),
        Block(texts.word("receipt", "things"), tuple(_things(terms, texts, names))),
        Block(texts.word("receipt", "never"), tuple(_never(terms, texts, names))),
        Block(texts.word("receipt", "feedback"), _feedback(terms, texts)),
        Block("", _bounds(terms, texts)),
        Block(texts.word("receipt", "how"), (_how(terms, texts, names),)),
        Block(texts.word("receipt", "text_read"), _text_read(terms)),
        Block(texts.word("receipt", "rights"), tuple(texts.lines("receipt", "rights_lines"))),
        Block(texts.word("receipt", "withdraw"), _words(texts, "withdraw", terms.withdrawal_ways)),
    )
    return Receipt(
        texts.language,
        texts.word("receipt", "title"),
        number_of(given.id),
        tuple(block for block in blocks if block.lines),
        is_discreet=False,
    )


def compose_discreetly(given: Consent, names: Names) -> Receipt:
    """Write the receipt that gives nothing away to who finds it."""
    texts = texts_in(given.terms.notice_language)
    places = {"date": names.day(given.given_at), "until": names.day(given.terms.expires)}
    lines = tuple(line.format(**places) for line in texts.lines("discreet", "lines"))
    blocks = (
        Block("", lines),
        Block("", (number_of(given.id),)),
        Block("", (texts.word("discreet", "after"),)),
    )
    return Receipt(
        texts.language, texts.word("discreet", "title"), number_of(given.id), blocks, is_discreet=True
    )


def _facts(given: Consent, texts: Texts, names: Names) -> list[Block]:
    facts = [
        ("number", number_of(given.id)),
        ("organisation", names.own),
        ("agreed_on", names.day(given.given_at)),
        ("until", names.day(given.terms.expires)),
    ]
    if given.ended_at is not None:
        facts.append(("ended", names.day(given.ended_at)))
    return [Block(texts.word("receipt", name), (said,)) for name, said in facts]


def _words(texts: Texts, table: str, codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts.word(table, code) for code in codes)


def _recipients(terms: Terms, texts: Texts, names: Names) -> list[str]:
    return [
        names.organisations.get(item.node, number_of(item.node))
        if item.node
        else texts.word("receipt", "every", kind=texts.word("kind", item.organisation_type))
        for item in terms.recipients
    ]


def _things(terms: Terms, texts: Texts, names: Names) -> list[str]:
    lines = []
    for scope in terms.scopes:
        lines.append(_when(scope, texts, names))
        if scope.only:
            lines.append(_fields(scope.code, scope.only, "only", texts, names))
        kept = [
            name
            for item in terms.withheld
            if item.scope == scope.code and not item.node
            for name in item.fields
        ]
        withheld = tuple(dict.fromkeys((*scope.withheld, *kept)))
        if withheld:
            lines.append(_fields(scope.code, withheld, "partly", texts, names))
    return lines


def _when(scope: ScopeGrant, texts: Texts, names: Names) -> str:
    thing = texts.word("thing", scope.code)
    if scope.step == "offer":
        return texts.word("receipt", "at_once", thing=thing)
    if not scope.at_offer:
        return texts.word("receipt", "on_acceptance", thing=thing)
    said = [names.field(scope.code, name) for name in scope.at_offer]
    fields = names.listed(said) if all(said) else texts.word("receipt", "some_at_once")
    return texts.word("receipt", "at_once_partly", thing=thing, fields=fields)


def _fields(scope: str, fields: Iterable[str], sentence: str, texts: Texts, names: Names) -> str:
    said = [names.field(scope, name) for name in fields]
    if all(said):
        return texts.word("receipt", sentence, fields=names.listed(said))
    return texts.word("receipt", f"{sentence}_unnamed")


def _never(terms: Terms, texts: Texts, names: Names) -> list[str]:
    shared = {scope.code for scope in terms.scopes}
    whole = {item.scope for item in terms.withheld if not item.fields and not item.node}
    lines = [texts.word("thing", code) for code in SCOPES if code not in shared or code in whole]
    for item in terms.withheld:
        if item.node:
            organisation = names.organisations.get(item.node, number_of(item.node))
            thing = texts.word("thing", item.scope)
            lines.append(texts.word("receipt", "kept_from", organisation=organisation, thing=thing))
    return lines


def _feedback(terms: Terms, texts: Texts) -> tuple[str, ...]:
    return _words(texts, "thing", terms.feedback) or (texts.word("receipt", "feedback_none"),)


def _bounds(terms: Terms, texts: Texts) -> tuple[str, ...]:
    onward = "onward_yes" if terms.is_onward_allowed else "onward_no"
    return (
        texts.word("receipt", onward),
        texts.word("receipt", "retention", days=str(terms.retention_days)),
    )


def _how(terms: Terms, texts: Texts, names: Names) -> str:
    said = [texts.word("how", terms.how_obtained)]
    if terms.from_whom != "person":
        said.append(texts.word("from_whom", terms.from_whom))
    if terms.with_interpreter:
        said.append(texts.word("receipt", "with_interpreter"))
    if terms.with_witness:
        said.append(texts.word("receipt", "with_witness"))
    return names.listed(said)


def _text_read(terms: Terms) -> tuple[str, ...]:
    """Return the very text that was read; nothing where this node does not have it word for word."""
    text = text_of(terms.notice) if terms.notice else None
    if text is None or text.language != to_read_out(terms.notice_language).language:
        return ()
    return text.sentences
