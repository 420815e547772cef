"""Where a message stands among those of its author that came before it."""

from __future__ import annotations

import pytest
from tests.specimens import DAY, START, header, seed

from iars_protocol.errors import ExpiredError, ReplayError, TransitionError
from iars_protocol.place import ALARMING, Memory, Misplaced, judge_number, judge_place
from iars_protocol.referral import ACCEPTANCE, check_answer

HEAD, OLDER, REFUSED, SENT, OTHER = (seed(name) for name in ("head", "older", "refused", "sent", "other"))
FATES = {HEAD: "applied", OLDER: "applied", REFUSED: "refused"}
MEMORY = Memory(HEAD, FATES.get, lambda message: message == SENT)


def judged(previous: bytes = HEAD, seen: bytes = b"", at: int = START) -> Misplaced | None:
    return judge_place(header(previous=previous, seen=seen), MEMORY, at=at)


def test_a_message_that_follows_the_newest_one_is_in_its_place() -> None:
    assert judged() is None
    assert judged(seen=SENT) is None
    assert judge_place(header(), Memory(b"", FATES.get, lambda _message: False), at=START) is None


def test_what_came_too_early_waits_for_what_has_to_come_before() -> None:
    assert judged(previous=OTHER) == Misplaced("waiting", "out-of-order")
    assert judged(seen=OTHER) == Misplaced("waiting", "unknown-seen")


def test_what_can_never_be_in_its_place_is_refused() -> None:
    assert judged(previous=REFUSED) == Misplaced("refused", "thread-blocked")
    for previous in (OLDER, b""):
        forked = judged(previous=previous)
        assert forked == Misplaced("refused", "thread-fork")
        assert forked.code in ALARMING
    assert judged(previous=OTHER, at=START + 30 * DAY) == Misplaced("refused", ExpiredError.code)


def test_a_number_belongs_to_one_message() -> None:
    assert not judge_number(HEAD, None)
    assert judge_number(HEAD, HEAD)
    with pytest.raises(ReplayError):
        judge_number(HEAD, OTHER)


def test_an_offer_is_accepted_by_the_message_of_its_kind() -> None:
    for kind, step in ACCEPTANCE.items():
        check_answer(step, kind, created=START, respond_by=START + 1)
        other = "service" if kind == "handover" else "handover"
        with pytest.raises(TransitionError):
            check_answer(step, other, created=START, respond_by=START + 1)


def test_an_answer_counts_by_when_it_was_signed() -> None:
    for step in ("referral.accept/1", "referral.reject/1"):
        check_answer(step, "service", created=START, respond_by=START + 1)
        with pytest.raises(ExpiredError):
            check_answer(step, "service", created=START, respond_by=START)
    check_answer("referral.progress/1", "service", created=START, respond_by=START)
