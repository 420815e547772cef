"""What of a consent has ended, and what stands: scopes, purposes, organisations, alone and together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.specimens import DAY, MISSION, SHELTER, START, grant

from iars_node.consent.ended import WHOLE, EndedPart, from_json, joined, parts_of, to_json
from iars_node.consent.model import Consent, KeptGrant, Recipient, Terms
from iars_protocol.consent import Allowed, Answer, Denied, ScopeGrant, sign

NOW = datetime(2026, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("part", "scope", "purpose", "node", "touched"),
    [
        (WHOLE, "medical", "return", "m", True),
        (EndedPart("medical"), "medical", "return", "m", True),
        (EndedPart("medical"), "identity", "return", "m", False),
        (EndedPart(purpose="return"), "medical", "return", "m", True),
        (EndedPart(purpose="return"), "medical", "assistance", "m", False),
        (EndedPart(node="m"), "medical", "return", "m", True),
        (EndedPart(node="m"), "medical", "return", "s", False),
        (EndedPart("medical", "return", "m"), "medical", "return", "m", True),
        (EndedPart("medical", "return", "m"), "medical", "assistance", "m", False),
        # A grant is one organisation's already: it does not ask whose part it is.
        (EndedPart(node="m"), "medical", "return", "", True),
    ],
)
def test_a_part_touches_what_it_names_and_leaves_the_rest(
    part: EndedPart, scope: str, purpose: str, node: str, *, touched: bool
) -> None:
    assert part.touches(scope=scope, purpose=purpose, node=node) is touched


def test_parts_are_every_combination_each_once_and_survive_a_column() -> None:
    parts = parts_of(("medical", "identity"), ("return",), ("m",))
    assert parts == (EndedPart("medical", "return", "m"), EndedPart("identity", "return", "m"))
    assert parts_of() == (WHOLE,)
    assert joined(parts, parts) == parts
    assert from_json(to_json(parts)) == parts
    assert from_json(None) == ()


def kept(*ended: EndedPart) -> KeptGrant:
    agreed = grant(purposes=("assistance", "return"))
    signed = sign(agreed, SHELTER.signing)
    return KeptGrant(agreed.id, "in", SHELTER.id, "", "", agreed, signed, NOW, ended=ended)


def test_a_grant_stands_for_what_has_not_ended_and_until_its_end() -> None:
    whole = kept()
    assert whole.standing("return") == whole.grant
    assert kept(WHOLE).standing("return") is None
    left = kept(EndedPart("identity", "return")).standing("return")
    assert left is not None
    assert left.codes() == {"services", "demographics"}
    assert kept(EndedPart("identity", "return")).standing("assistance") == whole.grant
    last = datetime.fromtimestamp(START + 90 * DAY - 1, UTC)
    assert whole.stands("identity", "return", last)
    assert not whole.stands("identity", "return", last + timedelta(seconds=1))
    assert not kept(EndedPart("identity")).stands("identity", "return", NOW)


@pytest.mark.parametrize(
    ("ended", "answer"),
    [
        ((), Allowed()),
        ((EndedPart("medical"),), Allowed()),
        ((EndedPart("services"),), Denied("consent-withdrawn")),
        ((EndedPart(purpose="assistance"),), Denied("consent-withdrawn")),
        ((EndedPart(purpose="return"),), Allowed()),
        ((EndedPart(node=MISSION.text),), Denied("consent-withdrawn")),
        ((EndedPart(node=SHELTER.text),), Allowed()),
    ],
)
def test_a_consent_covers_what_was_not_withdrawn(ended: tuple[EndedPart, ...], answer: Answer) -> None:
    terms = Terms(
        purposes=("assistance", "return"),
        scopes=(ScopeGrant("services", "offer"), ScopeGrant("medical", "acceptance")),
        recipients=(Recipient(organisation_type="NGO"),),
        expires=NOW + timedelta(days=30),
        notice_language="sq",
        how_obtained="verbal",
    )
    given = Consent("c", "k", "given", 1, "", terms, NOW, "a")
    asked = {"node": MISSION.text, "organisation_type": "NGO", "service": "MED-SCREEN", "at": NOW}
    assert replace(given, ended=ended).covers(**asked) == answer  # type: ignore[arg-type]
