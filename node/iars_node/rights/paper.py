"""The access report and the notice of a correction as papers, in the words that people are told them in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.cases.model import OWN
from iars_node.consent.receipt import Block, Receipt, number_of
from iars_node.consent.texts import texts_in
from iars_node.db import EPOCH
from iars_node.rights.model import FIELD_REMOVED, GRANT_ENDED
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from iars_node.cases.model import Document
    from iars_node.consent.receipt import Names
    from iars_node.consent.texts import Texts
    from iars_node.rights.model import AccessReport, CaseReport, Disclosure, Told, Unfinished

    Values = Callable[[str, str, object], list[str]]


def compose_report(report: AccessReport, names: Names, values: Values) -> Receipt:
    """Write the access report; `values` says a field's value in the report's language."""
    texts = texts_in(report.language)
    blocks = [
        Block(texts.word("report", "made_by"), (names.own,)),
        Block(texts.word("report", "made_on"), (names.day(report.made_at),)),
    ]
    for each in report.cases:
        blocks += _of_case(each, texts, names, values)
    blocks += [_begun(each, texts, names) for each in report.unfinished]
    blocks.append(Block(texts.word("receipt", "rights"), tuple(texts.lines("receipt", "rights_lines"))))
    number = report.cases[0].case.reference if report.cases else ""
    return Receipt(texts.language, texts.word("report", "title"), number, tuple(blocks), is_discreet=False)


def _of_case(each: CaseReport, texts: Texts, names: Names, values: Values) -> list[Block]:
    reference = each.case.reference
    if each.case.closed_at is not None:
        day = names.day(each.case.closed_at)
        reference = texts.word("report", "file_closed", reference=reference, day=day)
    learned = tuple(_learned(each, texts, names)) or (texts.word("report", "learned_nobody"),)
    found = [
        Block(texts.word("report", "files"), (reference,)),
        *_held(each, texts, names, values),
        Block(texts.word("report", "unprinted"), tuple(_thing(texts, code) for code in each.unprinted)),
        Block(texts.word("report", "agreements"), tuple(_agreements(each, texts, names))),
        Block(texts.word("report", "learned"), learned),
        Block(texts.word("report", "erased_here"), tuple(_erased(each, texts, names))),
        Block(texts.word("report", "stated"), tuple(_stated(each, texts, names))),
    ]
    return [block for block in found if block.lines]


def _begun(each: Unfinished, texts: Texts, names: Names) -> Block:
    lines = [
        texts.word("report", "field", field=names.field(scope, name) or name, value=names.listed(list(typed)))
        for scope, fields in each.fields.items()
        for name, typed in fields.items()
    ]
    heading = texts.word("report", "unfinished", day=names.day(each.at))
    return Block(heading, tuple(lines) or (texts.word("report", "nothing"),))


def _thing(texts: Texts, code: str) -> str:
    # A scope that this node does not know yet, from a newer one, is called by its code.
    return texts.word("thing", code) if code in SCOPES else code


def _organisation(names: Names, node: str) -> str:
    return names.organisations.get(node, number_of(node))


def _held(each: CaseReport, texts: Texts, names: Names, values: Values) -> list[Block]:
    order = list(SCOPES)
    documents = sorted(
        each.documents, key=lambda one: (order.index(one.scope), one.source != OWN, one.source)
    )
    return [
        Block(_heading(each, document, texts, names), tuple(_lines(each, document, texts, names, values)))
        for document in documents
    ]


def _heading(each: CaseReport, document: Document, texts: Texts, names: Names) -> str:
    thing = _thing(texts, document.scope)
    source = each.sources.get(document.source)
    if source is None:
        return texts.word("report", "held", thing=thing)
    organisation = _organisation(names, source.node)
    return texts.word(
        "report", "held_from", thing=thing, organisation=organisation, day=names.day(source.until)
    )


def _lines(each: CaseReport, document: Document, texts: Texts, names: Names, values: Values) -> Iterator[str]:
    if document.closed:
        yield texts.word("report", "locked" if document.closed == "locked" else "gone")
        return
    yield from (
        texts.word(
            "report",
            "field",
            field=names.field(document.scope, name) or name,
            value=names.listed(values(document.scope, name, held.value)),
        )
        for name, held in document.fields.items()
    )
    if document.source == OWN:
        for scope, at, text in each.notes:
            if scope == document.scope:
                yield texts.word("report", "note", day=names.day(at), text=text)
        for scope, name in each.files:
            if scope == document.scope:
                yield texts.word("report", "attachment", file=name)
    if not document.fields:
        yield texts.word("report", "nothing")


def _agreements(each: CaseReport, texts: Texts, names: Names) -> Iterator[str]:
    for given in each.consents:
        end = given.ended_at or given.terms.expires
        yield texts.word(
            "report",
            "agreement" if given.ended_at is None else "agreement_ended",
            number=number_of(given.id),
            day=names.day(given.given_at),
            until=names.day(end),
        )


def _learned(each: CaseReport, texts: Texts, names: Names) -> Iterator[str]:
    for found in each.disclosures:
        line = texts.word(
            "report",
            "learned_line",
            day=names.day(found.at),
            organisation=_organisation(names, found.node),
            things=names.listed([_thing(texts, code) for code in found.scopes]),
        )
        yield f"{line}. {_basis(found, texts)}"


def _basis(found: Disclosure, texts: Texts) -> str:
    if found.basis not in ("", "consent"):
        return texts.word("report", "on_exception", ground=texts.word("ground", found.basis))
    if found.consent_id:
        return texts.word("report", "on_consent", number=number_of(found.consent_id))
    return texts.word("report", "on_their_consent")


def _erased(each: CaseReport, texts: Texts, names: Names) -> Iterator[str]:
    for one in each.erasures:
        things = names.listed([_thing(texts, code) for code in one.scopes])
        yield texts.word("report", "erased_line", day=names.day(one.at), things=things)


def _stated(found: CaseReport, texts: Texts, names: Names) -> Iterator[str]:
    for report in found.statements:
        left = found.still_held.get(report.grant_id, frozenset())
        said = {"day": names.day(report.received_at), "organisation": _organisation(names, report.peer.hex())}
        if not report.outcomes:
            yield texts.word("report", "stated_nothing_part" if left else "stated_nothing", **said)
        for each in report.outcomes:
            places = {**said, "thing": _thing(texts, each.scope)}
            if each.outcome == "retained":
                until = names.day(_moment(each.until))
                places |= {"until": until, "ground": texts.word("ground", each.ground)}
            # A statement may be about one of several referrals that brought the same part of the record.
            is_part = each.outcome == "erased" and each.scope in left
            yield texts.word("report", f"stated_{each.outcome}{'_part' if is_part else ''}", **places)


def _moment(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def compose_notice(
    told: Told, reference: str, lines: Mapping[str, str], language: str, names: Names
) -> Receipt:
    """Write the notice of a correction for a recipient that could not be sent it.

    `lines` are the fields' new values as they are said. Where the agreement has ended none is named.
    """
    texts = texts_in(language)
    said = tuple(_notice_line(name, lines, names, with_value=told.reason not in (GRANT_ENDED, FIELD_REMOVED))
                 for name in told.fields)  # fmt: skip
    blocks = [
        Block(texts.word("report", "made_by"), (names.own,)),
        Block(texts.word("report", "made_on"), (names.day(told.at),)),
        Block(texts.word("correction", "about"), (reference,)),
        Block(texts.word("correction", "remove" if told.reason == FIELD_REMOVED else "fields"), said),
    ]
    if told.reason == GRANT_ENDED:
        blocks.append(Block("", (texts.word("correction", "ended"),)))
    blocks.append(Block("", (texts.word("correction", "answer"),)))
    title = texts.word("correction", "title")
    return Receipt(texts.language, title, reference, tuple(blocks), is_discreet=False)


def _notice_line(name: str, lines: Mapping[str, str], names: Names, *, with_value: bool) -> str:
    scope, _, field = name.partition(".")
    label = names.field(scope, field) or field
    return f"{label}: {lines[name]}" if with_value and name in lines else label
