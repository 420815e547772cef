"""The promise to the person: nothing outside the grant leaves, and nobody keeps what should not have left."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.property.protocol.strategies import grants
from tests.specimens import MISSION, SHELTER, START, message

from iars_protocol.consent import sign
from iars_protocol.content import Content, check_content, read_content
from iars_protocol.envelope import open_envelope, read_message, read_outer, seal_envelope, verify_message
from iars_protocol.errors import DisclosureError
from iars_protocol.messages.referral import Amend
from iars_protocol.parts import ScopePart
from iars_protocol.record import SCOPES, cut, withheld

if TYPE_CHECKING:
    from iars_protocol.consent import Grant
    from iars_protocol.record import Record, Step
    from iars_protocol.referral import Side

FREE_TEXT = {"text", "long-text", "words"}
TEXT_FIELDS = {
    code: names
    for code, scope in SCOPES.items()
    if (names := [name for name, field in scope.fields.items() if field.kind in FREE_TEXT])
}


@st.composite
def marked_records(draw: st.DrawFn) -> tuple[Record, dict[bytes, tuple[str, str]]]:
    """Return a record with a mark in each free text, and where each mark stands."""
    record: Record = {}
    marks: dict[bytes, tuple[str, str]] = {}
    numbers = count()
    for code in draw(st.lists(st.sampled_from(sorted(TEXT_FIELDS)), unique=True)):
        for name in draw(st.lists(st.sampled_from(TEXT_FIELDS[code]), unique=True)):
            mark = f"<mark {next(numbers)}>"
            is_list = SCOPES[code].fields[name].kind == "words"
            record.setdefault(code, {})[name] = [mark] if is_list else mark
            marks[mark.encode()] = (code, name)
    return record, marks


STEPS = st.sampled_from(["offer", "acceptance"])


def sealed(scopes: list[ScopePart], grant: Grant) -> bytes:
    """Return the envelope of a message with these scopes, as the sender's node would send it."""
    named = sign(grant, SHELTER.signing).hash
    sent = message(Content(Amend(), None, None, tuple(scopes)), grant=named)
    return seal_envelope(sent.to_bytes(), MISSION.id, MISSION.history.sealing_key(at=START))


def plaintext(envelope: bytes) -> bytes:
    return open_envelope(read_outer(envelope), MISSION.id, MISSION.encryption)


def receive(envelope: bytes, grant: Grant, step: Step) -> None:
    """Take an envelope in as the recipient's node would."""
    read = read_message(plaintext(envelope))
    verify_message(read, SHELTER.history, at=START)
    check_content(read_content(read).scopes, grant, "sender", step)


@settings(max_examples=150)
@given(marked_records(), grants(), STEPS)
def test_no_mark_outside_the_grant_is_in_an_envelopes_plaintext(
    marked: tuple[Record, dict[bytes, tuple[str, str]]], grant: Grant, step: Step
) -> None:
    record, marks = marked
    released = cut(record, grant, step)
    envelope = sealed([ScopePart(code, fields) for code, fields in released.items()], grant)
    inside = plaintext(envelope)
    for mark, (code, name) in marks.items():
        scope = grant.scope(code)
        is_granted = (
            scope is not None
            and name not in scope.withheld
            and (not scope.only or name in scope.only)
            and (step == "acceptance" or scope.step == "offer" or name in scope.at_offer)
        )
        assert (mark in inside) == is_granted
    receive(envelope, grant, step)


@settings(max_examples=150)
@given(marked_records(), grants(), STEPS, st.data())
def test_a_receiver_refuses_a_planted_field(
    marked: tuple[Record, dict[bytes, tuple[str, str]]], grant: Grant, step: Step, data: st.DataObject
) -> None:
    record, _ = marked
    released = cut(record, grant, step)
    kept = [(code, name) for code in record for name in record[code] if name not in released.get(code, {})]
    assume(kept)
    code, name = data.draw(st.sampled_from(kept))
    planted = {**released, code: {**released.get(code, {}), name: record[code][name]}}
    envelope = sealed([ScopePart(scope, fields) for scope, fields in planted.items()], grant)
    with pytest.raises(DisclosureError):
        receive(envelope, grant, step)


@given(grants(), STEPS, st.sampled_from(sorted(SCOPES)), st.sampled_from(["sender", "receiver"]))
def test_a_sentence_needs_its_scope(grant: Grant, step: Step, code: str, by: Side) -> None:
    scope = grant.scope(code)
    is_granted = (
        scope is not None and scope.allows("texts", step) if by == "sender" else code in grant.feedback
    )
    sentence = [ScopePart(code, {}, ("She is afraid.",))]
    if is_granted:
        check_content(sentence, grant, by, step)
        return
    with pytest.raises(DisclosureError):
        check_content(sentence, grant, by, step)


@given(marked_records(), grants())
def test_what_leaves_and_what_stays_make_the_record(
    marked: tuple[Record, dict[bytes, tuple[str, str]]], grant: Grant
) -> None:
    record, _ = marked
    leaves, stays = cut(record, grant, "acceptance"), withheld(record, grant)
    assert {code: {**leaves.get(code, {}), **stays.get(code, {})} for code in record} == record
    assert not any(leaves.get(code, {}).keys() & stays.get(code, {}).keys() for code in record)


@given(marked_records(), grants())
def test_an_offer_shows_no_more_than_an_acceptance(
    marked: tuple[Record, dict[bytes, tuple[str, str]]], grant: Grant
) -> None:
    record, _ = marked
    first, whole = cut(record, grant, "offer"), cut(record, grant, "acceptance")
    for code, fields in first.items():
        assert all(whole[code][name] == value for name, value in fields.items())
