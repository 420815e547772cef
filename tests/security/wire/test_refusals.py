"""What a pinned organisation signed and must not be taken in: a signed refusal, and nothing is kept."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.neighbours import introduce
from tests.security.wire.dishonest import DAY, MARKER, NOW, actions

from iars_node.errors import NotFoundError
from iars_node.exchange import messages
from iars_node.referrals import service as referrals
from iars_node.referrals.sentences import UNKNOWN, sentence
from iars_node.work import SYSTEM
from iars_protocol.attachment import sealed_length
from iars_protocol.consent import Onward, ScopeGrant, sign
from iars_protocol.content import Content
from iars_protocol.crypto import SigningKey, new_seed
from iars_protocol.envelope import read_header
from iars_protocol.messages.referral import Accept, AcceptHandover, Amend, Complete, Disclose, Note
from iars_protocol.parts import AttachmentPart, ScopePart

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.security.wire.dishonest import Dishonest

    from iars_protocol.consent import Grant
    from iars_protocol.messages.registry import Body


# -- signed by a peer, and still not to be taken in


def forged_grant(enemy: Dishonest) -> Content:
    content = enemy.offer()
    return replace(content, grant=enemy.signed(enemy.grant(), SigningKey(new_seed())))


def grant_in_the_name_of_another(enemy: Dishonest) -> Content:
    return enemy.offer(enemy.grant(controller=secrets.token_hex(32)))


def grant_for_another(enemy: Dishonest) -> Content:
    return enemy.offer(enemy.grant(recipient=secrets.token_hex(32)))


def expired_grant(enemy: Dishonest) -> Content:
    return enemy.offer(enemy.grant(created=NOW - 9 * DAY, not_before=NOW - 9 * DAY, expires=NOW - 1))


def early_grant(enemy: Dishonest) -> Content:
    return enemy.offer(enemy.grant(not_before=NOW + DAY))


def grant_for_another_purpose(enemy: Dishonest) -> Content:
    return enemy.offer(enemy.grant(purposes=("return",)))


def scope_outside_the_grant(enemy: Dishonest) -> Content:
    return enemy.offer(scopes=[ScopePart("exploitation", {"narrative": MARKER})])


def too_early_scope(enemy: Dishonest) -> Content:
    return enemy.offer(scopes=[ScopePart("medical", {"conditions": [MARKER]})])


def withheld_field(enemy: Dishonest) -> Content:
    grant = enemy.grant(scopes=(ScopeGrant("services", "offer", withheld=("constraints",)),))
    return enemy.offer(grant, [ScopePart("services", {"constraints": [MARKER]})])


def value_of_another_form(enemy: Dishonest) -> Content:
    return enemy.offer(scopes=[ScopePart("services", {"needs": MARKER})])


def unknown_scope(enemy: Dishonest) -> Content:
    return enemy.offer(scopes=[ScopePart("hobbies", {"chess": MARKER})])


def answer_over(enemy: Dishonest) -> Content:
    return enemy.offer(respond_by=NOW - 1)


def no_grant(enemy: Dishonest) -> Content:
    return replace(enemy.offer(scopes=()), grant=None)


def passed_on(enemy: Dishonest, grant: Grant, origin: str) -> Content:
    values: dict[str, Any] = {"id": "03" * 16, "controller": origin, "holder": enemy.own.id.hex()}
    ceilings: dict[str, Any] = {"scopes": ("services", "medical"), "purposes": ("assistance",)}
    permission = Onward(
        **values, **ceilings, created=NOW, expires=NOW + 60 * DAY, classes=("NGO",), salt="04" * 16
    )
    return replace(enemy.offer(grant), onward=sign(permission, enemy.identity.signing))


def permission_of_another_id(enemy: Dishonest) -> Content:
    return passed_on(enemy, enemy.grant(onward="09" * 16), enemy.own.id.hex())


def permission_of_a_stranger(enemy: Dishonest) -> Content:
    return passed_on(enemy, enemy.grant(onward="03" * 16), secrets.token_hex(32))


def permission_that_no_grant_names(enemy: Dishonest) -> Content:
    return passed_on(enemy, enemy.grant(), enemy.own.id.hex())


def step_in_no_referral(_enemy: Dishonest) -> Content:
    return Content(Amend())


OFFERS = {
    forged_grant: "signature",
    grant_in_the_name_of_another: "signature",
    grant_for_another: "wrong-recipient",
    permission_of_another_id: "onward-holder",
    permission_of_a_stranger: "onward-origin",
    permission_that_no_grant_names: "malformed",
    expired_grant: "grant-expired",
    early_grant: "grant-not-yet-valid",
    grant_for_another_purpose: "purpose-not-granted",
    scope_outside_the_grant: "outside-grant",
    too_early_scope: "outside-grant",
    withheld_field: "outside-grant",
    value_of_another_form: "field",
    unknown_scope: "outside-grant",
    answer_over: "expired",
    no_grant: "malformed",
    step_in_no_referral: "transition",
}


@pytest.mark.parametrize(("write", "code"), OFFERS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_breaks_a_rule_gets_a_signed_refusal_and_nothing_is_kept(
    enemy: Dishonest, mission: Neighbour, write: Callable[[Dishonest], Content], code: str
) -> None:
    message = enemy.message(write(enemy))
    (receipt,) = enemy.receipts(message)
    assert (receipt.outcome, receipt.code) == ("refused", code)
    assert "exchange.refused" in actions(mission)
    assert sentence(code) != UNKNOWN
    with mission.node.works.read(SYSTEM) as work:
        assert referrals.list_referrals(work).referrals == ()
    # The same message again hears the same receipt: it was decided once.
    assert enemy.receipts(message) == [receipt]


def test_a_message_past_its_time_and_an_unknown_kind_are_refused(enemy: Dishonest) -> None:
    late = enemy.message(created=NOW - 2 * DAY, expires=NOW - DAY)
    odd = enemy.message(enemy.offer(scopes=()), type="referral.predict/9")
    assert [receipt.code for receipt in enemy.receipts(late, odd)] == ["expired", "unsupported-version"]


def test_two_messages_under_one_number_raise_an_alarm_and_the_first_counts(
    enemy: Dishonest, mission: Neighbour
) -> None:
    first = enemy.message(enemy.offer(scopes=()), number=7)
    second = enemy.message(number=7)
    receipts = enemy.receipts(first, second)
    assert [(each.outcome, each.code) for each in receipts] == [("applied", "ok"), ("refused", "replay")]
    assert "alarm exchange.conflicting" in actions(mission)


def test_a_thread_that_forks_is_refused_with_an_alarm(enemy: Dishonest, mission: Neighbour) -> None:
    offered = enemy.message(enemy.offer(scopes=()))
    thread, grant = offered.header.thread, offered.header.grant
    again = enemy.message(Content(Amend()), thread=thread, grant=grant)
    unknown = enemy.message(Content(Amend()), thread=thread, grant=grant, previous=secrets.token_bytes(32))
    codes = [(each.outcome, each.code) for each in enemy.receipts(offered, again, unknown)]
    assert codes == [("applied", "ok"), ("refused", "thread-fork"), ("waiting", "out-of-order")]
    assert "alarm exchange.conflicting" in actions(mission)


def test_a_refused_message_blocks_only_its_thread(enemy: Dishonest) -> None:
    offered = enemy.message(enemy.offer(scopes=()))
    place: dict[str, Any] = {"thread": offered.header.thread, "grant": offered.header.grant}
    outside = Content(Amend(), scopes=(ScopePart("exploitation", {"narrative": MARKER}),))
    bad = enemy.message(outside, **place, previous=offered.id)
    after = enemy.message(Content(Amend()), **place, previous=bad.id)
    again = enemy.message(Content(Amend()), **place, previous=offered.id)
    other = enemy.message(enemy.offer(scopes=()))
    codes = [each.code for each in enemy.receipts(offered, bad, after, again, other)]
    assert codes == ["ok", "outside-grant", "thread-blocked", "ok", "ok"]


def test_a_step_that_the_referral_does_not_allow_is_refused(enemy: Dishonest) -> None:
    offered = enemy.message(enemy.offer(scopes=()))
    place: dict[str, Any] = {
        "thread": offered.header.thread,
        "grant": offered.header.grant,
        "previous": offered.id,
    }
    for body in (Accept(), Complete(), Disclose()):
        step = enemy.message(Content(body), **place)
        codes = [each.code for each in enemy.receipts(offered, step)]
        assert codes == ["ok", "transition"]


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [("service", AcceptHandover(), Accept()), ("handover", Accept(), AcceptHandover())],
)
def test_nobody_takes_a_case_over_by_another_message_than_was_asked_for(
    enemy: Dishonest, mission: Neighbour, kind: str, wrong: Body, right: Body
) -> None:
    case = mission.open_case()
    given = mission.give_consent(case, enemy.own)
    referred = mission.refer(case, given, enemy.own, kind=kind)
    with mission.node.works.read(SYSTEM) as work:
        (offered,) = messages.proofs(work, referred.thread)
    place: dict[str, Any] = {
        "thread": referred.thread,
        "grant": read_header(offered.header_bytes).grant,
        "seen": offered.message,
    }
    answers = [enemy.message(Content(body), **place) for body in (wrong, right)]
    assert [each.code for each in enemy.receipts(*answers)] == ["transition", "ok"]
    assert mission.referral(referred.id).state == "accepted"


def test_the_thread_of_another_organisation_is_as_if_there_were_none(
    enemy: Dishonest, new_enemy: Callable[..., Dishonest], mission: Neighbour
) -> None:
    other = new_enemy("other")
    introduce(other.own, enemy.own)
    theirs = other.message(other.offer(scopes=()))
    assert [each.code for each in other.receipts(theirs)] == ["ok"]
    place: dict[str, Any] = {"thread": theirs.header.thread, "grant": theirs.header.grant}
    note = Content(Note(), scopes=(ScopePart("services", {}, (MARKER,)),))
    into = enemy.message(note, **place)
    seen = enemy.message(note, **place, previous=theirs.id)
    taking = enemy.message(thread=theirs.header.thread)
    found = [(each.outcome, each.code) for each in enemy.receipts(into, seen, taking)]
    assert found == [("refused", "transition"), ("waiting", "out-of-order"), ("refused", "transition")]
    thread = theirs.header.thread.hex()
    with mission.node.works.read(SYSTEM) as work:
        assert referrals.get(work, thread).peer == other.own.id
        assert len(referrals.timeline(work, thread)) == 1


def announced(name: str, digest: bytes, attachment_id: str) -> ScopePart:
    entry = AttachmentPart(
        id=attachment_id,
        name=name,
        media_type="image/png",
        size=1000,
        key=secrets.token_bytes(32),
        sealed_size=sealed_length(1000),
        sealed_hash=digest,
    )
    return ScopePart("medical", {}, (), (entry,))


def test_an_attachment_announced_a_second_time_with_other_bytes_does_not_replace_the_first(
    enemy: Dishonest, mission: Neighbour
) -> None:
    offered = enemy.message(enemy.offer(scopes=()))
    enemy.receipts(offered)
    mission.act(referrals.accept, offered.header.thread.hex())
    place: dict[str, Any] = {"thread": offered.header.thread, "grant": offered.header.grant}
    named = secrets.token_hex(16)
    first = enemy.message(
        Content(Disclose(), scopes=(announced("x-ray.png", bytes(32), named),)),
        **place,
        previous=offered.id,
    )
    again = enemy.message(
        Content(Amend(), scopes=(announced(f"{MARKER}.png", b"\x01" * 32, named),)),
        **place,
        previous=first.id,
    )
    receipts = enemy.receipts(first, again)
    assert receipts[0].outcome == "applied"
    assert (receipts[1].outcome, sentence(receipts[1].code) != UNKNOWN) == ("refused", True)


def test_a_referral_that_was_never_taken_in_is_not_there(enemy: Dishonest, mission: Neighbour) -> None:
    message = enemy.message(scope_outside_the_grant(enemy))
    enemy.receipts(message)
    with mission.node.works.read(SYSTEM) as work, pytest.raises(NotFoundError):
        referrals.get(work, message.header.thread.hex())
