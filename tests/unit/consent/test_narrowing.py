"""What a newer version takes out, and that what it leaves of a grant is never more than either says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as some
from tests.specimens import grant

from iars_node.consent.model import Recipient, Terms, Withheld, joined
from iars_node.consent.narrowing import ANYBODY, TakenOut, is_narrower, taken_out, widening_faults, within
from iars_protocol.consent import ScopeGrant
from iars_protocol.content import ATTACHMENTS, TEXTS
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_protocol.vocabulary import Step

NODE = "ab" * 32
CODES = ("services", "demographics", "medical")
STEPS: tuple[Step, ...] = ("offer", "acceptance")


@some.composite
def scope_grants(draw: some.DrawFn, code: str) -> ScopeGrant:
    names = [*SCOPES[code].fields, TEXTS, ATTACHMENTS]
    few = some.lists(some.sampled_from(names), unique=True, max_size=3).map(tuple)
    step: Step = draw(some.sampled_from(STEPS))
    return ScopeGrant(code, step, draw(few) if step == "acceptance" else (), draw(few), draw(few))


@some.composite
def terms(draw: some.DrawFn) -> Terms:
    codes = draw(some.lists(some.sampled_from(CODES), unique=True, min_size=1))
    kept = draw(some.lists(some.sampled_from(CODES), unique=True, max_size=2))
    return Terms(
        purposes=tuple(draw(some.sets(some.sampled_from(("return", "assistance")), min_size=1))),
        scopes=tuple(draw(scope_grants(code)) for code in codes),
        recipients=(Recipient(node=NODE),),
        expires=datetime(2026, 9, 1, tzinfo=UTC),
        notice_language="sq",
        how_obtained="verbal",
        withheld=tuple(
            Withheld(
                code,
                draw(some.sampled_from([(), tuple(SCOPES[code].fields)[:1]])),
                draw(some.sampled_from(["", NODE])),
            )
            for code in kept
        ),
    )


def allowed(scopes: tuple[ScopeGrant, ...]) -> set[tuple[str, str, Step]]:
    return {
        (scope.code, name, step)
        for scope in scopes
        for name in (*SCOPES[scope.code].fields, TEXTS, ATTACHMENTS)
        for step in STEPS
        if scope.allows(name, step)
    }


@given(terms(), terms())
def test_what_is_left_of_a_grant_is_what_both_allow(older: Terms, newer: Terms) -> None:
    signed = grant(scopes=older.scopes_for(NODE), purposes=older.purposes)
    left = within(signed, newer, NODE)
    assert allowed(left.scopes) == allowed(signed.scopes) & allowed(newer.scopes_for(NODE))
    assert set(left.purposes) == set(older.purposes) & set(newer.purposes)


@given(terms(), terms())
def test_either_nothing_more_is_allowed_or_it_is_named(older: Terms, newer: Terms) -> None:
    more = any(allowed(newer.scopes_for(node)) - allowed(older.scopes_for(node)) for node in (NODE, ANYBODY))
    assert ("scopes" in widening_faults(older, newer)) == more


@given(terms())
def test_nothing_is_taken_out_between_a_version_and_itself(same: Terms) -> None:
    assert taken_out(same, same) == TakenOut()
    assert not is_narrower(same, same)
    assert widening_faults(same, same) == {}


@given(terms(), terms())
def test_what_was_taken_out_is_named_by_scope_or_field(older: Terms, newer: Terms) -> None:
    out = taken_out(older, newer)
    for node in (NODE, ANYBODY):
        for scope, name, _step in allowed(older.scopes_for(node)) - allowed(newer.scopes_for(node)):
            assert scope in out.scopes or f"{scope}.{name}" in out.fields


def test_ends_that_come_earlier_are_a_narrowing_too() -> None:
    older = Terms(
        purposes=("return",),
        scopes=(ScopeGrant("services", "offer"),),
        recipients=(Recipient(node=NODE), Recipient(organisation_type="NGO")),
        expires=datetime(2026, 9, 1, tzinfo=UTC),
        notice_language="sq",
        how_obtained="verbal",
        is_onward_allowed=True,
    )
    for changes in (
        {"expires": datetime(2026, 8, 1, tzinfo=UTC)},
        {"retention_days": 30},
        {"is_onward_allowed": False},
        {"recipients": older.recipients[:1]},
    ):
        assert is_narrower(older, replace(older, **changes))
    assert taken_out(older, replace(older, recipients=older.recipients[:1])).kinds == ("NGO",)


def test_what_is_withheld_is_joined_by_scope_and_recipient() -> None:
    assert joined(
        (
            Withheld("medical", ("pregnancy",)),
            Withheld("medical", ("conditions",)),
            Withheld("medical", (), NODE),
            Withheld("medical", ("conditions",), NODE),
            Withheld("safety", ("risk",)),
            Withheld("safety"),
        )
    ) == (Withheld("medical", ("pregnancy", "conditions")), Withheld("medical", (), NODE), Withheld("safety"))
