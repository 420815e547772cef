"""Signing in and out on real databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from iars_node.accounts import credential_store, failures, service, sessions, sign_in, store
from iars_node.accounts.model import Account, Browser, SignedIn, SignInRefused, secret_hash
from iars_node.accounts.sessions import POLICY
from iars_node.audit import alarms
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.errors import UnauthenticatedError
from iars_node.vault import passwords
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.work import Works

PASSWORD = "correct horse battery"
ADDRESS = Browser("192.0.2.7")
ELSEWHERE = Browser("198.51.100.1")
CHEAP = "$argon2id$v=19$m=8,t=1,p=1$ErnftZnjtz9LE32U6vYb5g$bM14UYayhCds/bGrckJT3CUwgEaANcrC0eYf0fmXocY"


def _signed_in(works: Works, *, old_token: str = "") -> SignedIn:
    answer = sign_in.authenticate(works, "besa", PASSWORD, replace(ADDRESS, session_token=old_token))
    assert isinstance(answer, SignedIn)
    return answer


def _is_signed_in(works: Works, token: str) -> bool:
    with works.read(SYSTEM) as work:
        try:
            sessions.session_actor(work, token)
        except UnauthenticatedError:
            return False
    return True


def _state(works: Works, token: str) -> str:
    with works.read(SYSTEM) as work:
        found = sessions.standing(work, token)
    return "" if found is None else found.state


def test_the_right_password_begins_a_session_of_the_account(works: Works, case_worker: Account) -> None:
    signed_in = _signed_in(works)
    with works.read(SYSTEM) as work:
        session, actor = sessions.session_actor(work, signed_in.token)
        events = audit_store.page(work.connection, AuditFilter(actor_id=case_worker.id)).events
    assert session == signed_in.session
    assert actor == case_worker.actor
    assert [event.event.action for event in events] == ["account.signed-in"]


def test_only_the_hash_of_the_token_is_stored(works: Works, case_worker: Account) -> None:
    signed_in = _signed_in(works)
    with works.read(SYSTEM) as work:
        stored = work.connection.execute(text("SELECT id FROM session")).scalar_one()
    assert stored == secret_hash(signed_in.token) != signed_in.token
    assert case_worker.id == signed_in.account.id


@pytest.mark.parametrize(("name", "password"), [("besa", "wrong horse battery"), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    works: Works, case_worker: Account, name: str, password: str
) -> None:
    assert sign_in.authenticate(works, name, password, ADDRESS) == SignInRefused("wrong")
    with works.read(SYSTEM) as work:
        (event,) = audit_store.page(work.connection, AuditFilter(action="account.sign-in-failed")).events
    assert event.event.subject == (case_worker.id if name == "besa" else "")


def test_an_unknown_name_costs_the_same_work(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work:
        known = sign_in.begin(work, "besa", ADDRESS)
        unknown = sign_in.begin(work, "nobody", ADDRESS)
    assert isinstance(known, sign_in.Attempt)
    assert isinstance(unknown, sign_in.Attempt)
    cost = slice(0, len("$argon2id$v=19$m=32768,t=3,p=1$"))
    assert known.stored_hash[cost] == unknown.stored_hash[cost]
    assert known.account_id == case_worker.id


def test_whatever_was_typed_as_a_name_is_not_stored(works: Works) -> None:
    sign_in.authenticate(works, "MyPasswordTypedHere", "x", ADDRESS)
    with works.read(SYSTEM) as work:
        rows = work.connection.execute(text("SELECT key FROM sign_in_failure")).scalars().all()
        events = audit_store.page(work.connection, AuditFilter()).events
    assert len(rows) == 2
    assert "typed" not in (repr(rows) + repr(events)).lower()


def test_failures_of_a_name_make_even_the_right_password_wait(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    for _ in range(failures.NAME_DELAY.free):
        assert sign_in.authenticate(works, case_worker.name, "wrong", ADDRESS) == SignInRefused("wrong")
    refused = sign_in.authenticate(works, "besa", PASSWORD, ELSEWHERE)
    assert refused == SignInRefused("delayed", timedelta(seconds=1))
    clock.moment += timedelta(seconds=1)
    assert _signed_in(works).account == case_worker
    assert sign_in.authenticate(works, "besa", "wrong", ADDRESS) == SignInRefused("wrong")


def test_an_unknown_name_waits_like_a_known_one(works: Works) -> None:
    answers = [sign_in.authenticate(works, "nobody", "wrong", ADDRESS) for _ in range(6)]
    assert [answer.reason for answer in answers if isinstance(answer, SignInRefused)] == ["wrong"] * 5 + [
        "delayed"
    ]


def test_failures_from_an_address_make_every_name_wait(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work:
        for number in range(failures.ADDRESS_DELAY.free):
            assert isinstance(sign_in.begin(work, f"guess{number}", ADDRESS), sign_in.Attempt)
    refused = sign_in.authenticate(works, case_worker.name, PASSWORD, ADDRESS)
    assert isinstance(refused, SignInRefused)
    assert refused.reason == "delayed"
    assert isinstance(sign_in.authenticate(works, case_worker.name, PASSWORD, ELSEWHERE), SignedIn)


def test_an_office_that_signs_in_every_morning_never_waits(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work:
        for _ in range(failures.ADDRESS_DELAY.free + 5):
            attempt = sign_in.begin(work, case_worker.name, ADDRESS)
            assert isinstance(attempt, sign_in.Attempt)
            assert isinstance(sign_in.finish(work, attempt, ADDRESS), SignedIn)


def test_failures_are_forgotten_after_a_day(works: Works, case_worker: Account, clock: SetClock) -> None:
    with works.write(SYSTEM) as work:
        for _ in range(failures.NAME_DELAY.free):
            sign_in.begin(work, case_worker.name, ADDRESS)
    clock.moment += timedelta(hours=25)
    with works.write(SYSTEM) as work:
        attempt = sign_in.begin(work, case_worker.name, ADDRESS)
    assert isinstance(attempt, sign_in.Attempt)
    assert attempt.failures == 1


def test_guesses_made_at_the_same_time_count_each(works: Works, case_worker: Account) -> None:
    started: list[object] = []

    def guess() -> None:
        with works.write(SYSTEM) as work:
            started.append(sign_in.begin(work, case_worker.name, ADDRESS))

    guesses = [threading.Thread(target=guess) for _ in range(12)]
    for thread in guesses:
        thread.start()
    for thread in guesses:
        thread.join()
    assert sum(isinstance(one, sign_in.Attempt) for one in started) == failures.NAME_DELAY.free
    assert len(started) == 12


def test_many_failures_of_one_account_raise_an_alarm(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    with works.write(SYSTEM) as work:
        for number in range(25):
            work.now += timedelta(minutes=5)
            attempt = sign_in.begin(work, case_worker.name, Browser(f"192.0.2.{number}"))
            assert isinstance(attempt, sign_in.Attempt)
            sign_in.refuse(work, attempt)
        (raised,) = alarms.open_alarms(work.connection)
    assert (raised.kind, raised.subject) == ("account.under-attack", case_worker.id)
    assert raised.at > clock.moment


def test_a_session_token_planted_before_the_sign_in_is_worthless_after_it(
    works: Works, case_worker: Account
) -> None:
    planted = _signed_in(works)
    fresh = _signed_in(works, old_token=planted.token)
    assert not _is_signed_in(works, planted.token)
    assert _is_signed_in(works, fresh.token)
    assert fresh.account == case_worker


def test_a_session_in_use_lasts_until_its_absolute_end(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    signed_in = _signed_in(works)
    end = clock.moment + POLICY.absolute
    while clock.moment < end - POLICY.idle / 2:
        clock.moment += POLICY.idle / 2
        with works.write(SYSTEM) as work:
            session, _actor = sessions.session_actor(work, signed_in.token)
            assert sessions.is_unnoticed(session, work.now)
            sessions.keep_alive(work, session)
            session, _actor = sessions.session_actor(work, signed_in.token)
            assert not sessions.is_unnoticed(session, work.now)
    clock.moment = end
    assert not _is_signed_in(works, signed_in.token)
    assert signed_in.account == case_worker


def test_an_unused_session_is_locked_and_ends_with_its_time(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    token = _signed_in(works).token
    clock.moment += POLICY.idle
    assert not _is_signed_in(works, token)
    assert _state(works, token) == "locked"
    clock.moment += POLICY.absolute
    assert _state(works, token) == "over"
    with works.write(SYSTEM) as work:
        sign_in.forget_old(work)
        assert credential_store.session_by_id(work.connection, secret_hash(token)) is not None
    clock.moment += sessions.REMEMBERED
    with works.write(SYSTEM) as work:
        sign_in.forget_old(work)
        assert credential_store.session_by_id(work.connection, secret_hash(token)) is None
    assert case_worker.name == "besa"


def test_a_session_that_was_left_opens_again_only_for_its_own_password(
    works: Works, case_worker: Account, administrator: Account
) -> None:
    signed_in = _signed_in(works)
    with works.write(case_worker.actor) as work:
        sessions.lock(work, signed_in.session)
    assert _state(works, signed_in.token) == "locked"
    assert sign_in.prove(works, case_worker, "wrong horse battery", ADDRESS) == SignInRefused("wrong")
    assert sign_in.prove(works, case_worker, PASSWORD, ADDRESS) is None
    with works.write(SYSTEM) as work:
        sessions.unlock(work, signed_in.session, case_worker)
    assert _is_signed_in(works, signed_in.token)
    assert administrator.id != case_worker.id


def test_signing_out_ends_one_session_and_everywhere_all(works: Works, case_worker: Account) -> None:
    first, second, third = _signed_in(works), _signed_in(works), _signed_in(works)
    with works.write(case_worker.actor) as work:
        sessions.sign_out(work, first.session)
        sessions.sign_out(work, first.session)
    assert [_is_signed_in(works, one.token) for one in (first, second, third)] == [False, True, True]
    with works.write(case_worker.actor) as work:
        assert sessions.sign_out_everywhere(work, case_worker.id) == 2
    assert not _is_signed_in(works, third.token)


def test_a_new_password_ends_the_other_sessions(works: Works, case_worker: Account) -> None:
    here, elsewhere = _signed_in(works), _signed_in(works)
    with works.write(case_worker.actor) as work:
        service.set_password(work, case_worker.id, "another long sentence", keep_session=here.session.id)
    assert _is_signed_in(works, here.token)
    assert not _is_signed_in(works, elsewhere.token)
    assert sign_in.authenticate(works, "besa", PASSWORD, ADDRESS) == SignInRefused("wrong")


def test_disabling_an_account_ends_its_sessions(works: Works, case_worker: Account) -> None:
    token = _signed_in(works).token
    with works.write(SYSTEM) as work:
        service.disable(work, case_worker.id)
    assert not _is_signed_in(works, token)


def test_a_session_that_outlived_its_account_is_worth_nothing(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    token = _signed_in(works).token
    with works.write(SYSTEM) as work:
        store.update_account(work.connection, case_worker.id, disabled_at=clock.moment)
    assert not _is_signed_in(works, token)


def test_an_account_disabled_while_its_password_was_checked_is_not_signed_in(
    works: Works, case_worker: Account
) -> None:
    with works.write(SYSTEM) as work:
        attempt = sign_in.begin(work, "besa", ADDRESS)
        assert isinstance(attempt, sign_in.Attempt)
        service.disable(work, case_worker.id)
        assert sign_in.finish(work, attempt, ADDRESS) == SignInRefused("wrong")


def test_a_weak_hash_is_made_stronger_at_the_next_sign_in(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work:
        store.update_account(work.connection, case_worker.id, password_hash=CHEAP)
    _signed_in(works)
    with works.read(SYSTEM) as work:
        stored = store.password_hash(work.connection, case_worker.id)
    assert not passwords.is_weak(stored)
    _signed_in(works)
