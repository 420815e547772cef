"""One-time codes, recovery codes, and the way in with a code from an administrator, on real databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest
from sqlalchemy import text

from iars_node.accounts import entry, factor_store, factors, failures, service, sessions, sign_in
from iars_node.accounts.model import (
    Account,
    Browser,
    NewAccount,
    NextStep,
    SessionPolicy,
    SignedIn,
    SignInRefused,
    secret_hash,
)
from iars_node.audit import alarms
from iars_node.errors import ForbiddenError, InvalidError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.work import Works

PASSWORD = "correct horse battery"
BROWSER = Browser("192.0.2.7", words="Firefox · Linux")
STEP = timedelta(seconds=30)
EVERYBODY = SessionPolicy(second_factor_roles=frozenset({"case-worker", "administrator"}))
WRONG = SignInRefused("wrong")


def enrol(works: Works, account: Account) -> tuple[pyotp.TOTP, list[str]]:
    """Set up an app; return it with the recovery codes."""
    with works.write(account.actor) as work:
        app = pyotp.TOTP(factors.begin_enrolment(work, account, "Shelter").secret)
        codes = factors.confirm_enrolment(work, account, app.at(work.now))
    return app, codes


def half(works: Works) -> str:
    """Sign in as far as the code; return the step's token."""
    answer = sign_in.authenticate(works, "besa", PASSWORD, BROWSER)
    assert isinstance(answer, NextStep)
    assert answer.kind == sign_in.CODE
    return answer.token


def confirm(works: Works, token: str, code: str) -> SignedIn | SignInRefused:
    with works.write(SYSTEM) as work:
        return sign_in.confirm_code(work, token, code, BROWSER)


def test_after_the_password_a_code_begins_the_session(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    app, _codes = enrol(works, case_worker)
    clock.moment += STEP
    token = half(works)
    with works.read(SYSTEM) as work:
        assert sessions.own_sessions(work, case_worker.id) == []
        assert sessions.standing(work, token) is None
    signed_in = confirm(works, token, app.at(clock.moment))
    assert isinstance(signed_in, SignedIn)
    assert signed_in.session.browser == "Firefox · Linux"
    assert confirm(works, token, app.at(clock.moment + STEP)) == SignInRefused("over")


def test_a_code_counts_once_and_so_does_every_older_one(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    app, _codes = enrol(works, case_worker)
    assert confirm(works, half(works), app.at(clock.moment)) == WRONG
    clock.moment += STEP
    assert isinstance(confirm(works, half(works), app.at(clock.moment)), SignedIn)
    for moment in (clock.moment, clock.moment - STEP):
        assert confirm(works, half(works), app.at(moment)) == WRONG


def test_a_clock_may_be_one_step_off_and_no_more(works: Works, case_worker: Account, clock: SetClock) -> None:
    app, _codes = enrol(works, case_worker)
    clock.moment += timedelta(hours=1)
    for steps in (-2, 2):
        assert confirm(works, half(works), app.at(clock.moment + steps * STEP)) == WRONG
    for steps in (-1, 1):
        assert isinstance(confirm(works, half(works), app.at(clock.moment + steps * STEP)), SignedIn)


def test_codes_can_be_typed_with_spaces_and_nothing_else_is_a_code(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    app, _codes = enrol(works, case_worker)
    clock.moment += STEP
    code = app.at(clock.moment)
    for typed in ("", "12345", "١٢٣٤٥٦", "x" * 500):
        assert confirm(works, half(works), typed) == WRONG
    assert isinstance(confirm(works, half(works), f" {code[:3]} {code[3:]} "), SignedIn)


def test_each_recovery_code_lets_in_once(works: Works, case_worker: Account) -> None:
    _app, codes = enrol(works, case_worker)
    assert len(set(codes)) == factors.RECOVERY_CODES
    assert isinstance(confirm(works, half(works), codes[3].lower()), SignedIn)
    assert confirm(works, half(works), codes[3]) == WRONG
    with works.write(case_worker.actor) as work:
        assert factor_store.count_recovery_codes(work.connection, case_worker.id) == 9
        fresh = factors.renew_recovery_codes(work, case_worker)
    assert confirm(works, half(works), codes[4]) == WRONG
    assert isinstance(confirm(works, half(works), fresh[4]), SignedIn)


def test_neither_secret_nor_codes_can_be_read_in_the_database(works: Works, case_worker: Account) -> None:
    app, codes = enrol(works, case_worker)
    stored = b""
    with works.write(SYSTEM) as work:
        entry.issue_code(work, case_worker.id)
        for table in ("authenticator", "recovery_code", "entry_code"):
            for row in work.connection.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - the test's own words
                stored += b"".join(bytes(cell) for cell in row if isinstance(cell, bytes | memoryview))
    for secret in (app.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret.encode() not in stored


def test_until_another_app_is_confirmed_the_old_one_counts(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    app, _codes = enrol(works, case_worker)
    clock.moment += STEP
    with works.write(case_worker.actor) as work:
        shown = factors.begin_enrolment(work, case_worker, "Shelter")
        assert factors.begin_enrolment(work, case_worker, "Shelter") == shown
        assert "Shelter" in shown.address
        assert shown.secret not in repr(shown)
        with pytest.raises(InvalidError):
            factors.confirm_enrolment(work, case_worker, "000000")
    assert isinstance(confirm(works, half(works), app.at(clock.moment)), SignedIn)


def test_guessing_codes_waits_whoever_has_the_password_and_raises_an_alarm(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    app, _codes = enrol(works, case_worker)
    clock.moment += STEP
    for _ in range(failures.NAME_DELAY.free):
        assert confirm(works, half(works), "000000") == WRONG
    assert confirm(works, half(works), app.at(clock.moment)) == SignInRefused("delayed", timedelta(seconds=1))
    for _ in range(failures.ALARMING):
        clock.moment += timedelta(minutes=5)
        assert confirm(works, half(works), "000000") == WRONG
    with works.read(SYSTEM) as work:
        assert [each.kind for each in alarms.open_alarms(work.connection)] == ["account.under-attack"]
    clock.moment += timedelta(minutes=5)
    assert isinstance(confirm(works, half(works), app.at(clock.moment)), SignedIn)


def test_a_half_done_sign_in_is_over_after_a_while(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    app, _codes = enrol(works, case_worker)
    token = half(works)
    clock.moment += sign_in.STEP_LIFE
    assert confirm(works, token, app.at(clock.moment)) == SignInRefused("over")
    with works.write(SYSTEM) as work:
        sign_in.forget_old(work)
        assert work.connection.execute(text("SELECT count(*) FROM sign_in_step")).scalar_one() == 0


def test_who_needs_a_second_factor_has_to_set_one_up_before_anything_else(
    works: Works, case_worker: Account
) -> None:
    answer = sign_in.authenticate(works, "besa", PASSWORD, BROWSER, EVERYBODY)
    assert isinstance(answer, NextStep)
    assert (answer.kind, answer.token in repr(answer)) == (sign_in.ENROL, False)
    others = SessionPolicy(second_factor_roles=frozenset({"medical"}))
    assert isinstance(sign_in.authenticate(works, "besa", PASSWORD, BROWSER, others), SignedIn)
    assert case_worker.roles == {"case-worker"}


def test_codes_can_be_switched_off(works: Works, case_worker: Account) -> None:
    enrol(works, case_worker)
    with works.write(case_worker.actor) as work:
        factors.remove_codes(work, case_worker.id)
    assert isinstance(sign_in.authenticate(works, "besa", PASSWORD, BROWSER), SignedIn)


# -- the one-time code of an administrator


def made(works: Works, administrator: Account) -> tuple[Account, str]:
    with works.write(administrator.actor) as work:
        created = service.create_account(work, NewAccount("lena", "Lena", frozenset({"medical"})))
        return created, entry.issue_code(work, created.id)


def enter(works: Works, name: str, code: str) -> NextStep | SignInRefused:
    with works.write(SYSTEM) as work:
        return entry.enter(work, name, code, BROWSER)


def choose(works: Works, token: str, password: str, repeated: str = "") -> None:
    with works.write(SYSTEM) as work:
        found = sign_in.step_of(work, token)
        assert found is not None
        entry.choose_password(work, *found, password, repeated or password)


def test_a_new_person_begins_with_a_code_and_chooses_a_password(works: Works, administrator: Account) -> None:
    _created, code = made(works, administrator)
    assert sign_in.authenticate(works, "lena", code, BROWSER) == WRONG
    step = enter(works, "Lena", code.lower().replace("-", " "))
    assert isinstance(step, NextStep)
    choose(works, step.token, "four quiet grey horses")
    assert isinstance(sign_in.authenticate(works, "lena", "four quiet grey horses", BROWSER), SignedIn)
    assert enter(works, "lena", code) == WRONG


@pytest.mark.parametrize(
    ("password", "repeated", "fault"),
    [
        ("short", "", "password"),
        ("Password-2026!!", "", "password"),
        ("four quiet horses", "five", "repeated"),
    ],
)
def test_a_password_that_can_t_be_used_leaves_the_code_as_it_is(
    works: Works, administrator: Account, password: str, repeated: str, fault: str
) -> None:
    _created, code = made(works, administrator)
    step = enter(works, "lena", code)
    assert isinstance(step, NextStep)
    with pytest.raises(InvalidError) as caught:
        choose(works, step.token, password, repeated)
    assert caught.value.faults.keys() == {fault}
    assert isinstance(enter(works, "lena", code), NextStep)


def test_unknown_names_wrong_codes_and_accounts_without_one_get_the_same_answer(
    works: Works, administrator: Account, case_worker: Account
) -> None:
    _created, code = made(works, administrator)
    for name, typed in [
        ("lena", "AAAA-AAAA-AAAA-AAAA"),
        ("nobody", code),
        (case_worker.name, code),
        ("lena", ""),
    ]:
        assert enter(works, name, typed) == WRONG


def test_a_code_is_over_after_its_days_and_when_a_newer_one_is_given(
    works: Works, administrator: Account, clock: SetClock
) -> None:
    created, code = made(works, administrator)
    with works.write(administrator.actor) as work:
        newer = entry.issue_code(work, created.id)
    assert enter(works, "lena", code) == WRONG
    clock.moment += entry.CODE_LIFE
    assert enter(works, "lena", newer) == WRONG


def test_guessing_one_time_codes_waits(works: Works, administrator: Account) -> None:
    made(works, administrator)
    answers = [enter(works, "lena", "AAAA-AAAA-AAAA-AAAA") for _ in range(failures.NAME_DELAY.free + 1)]
    assert [each.reason for each in answers if isinstance(each, SignInRefused)][-1] == "delayed"


def test_a_reset_takes_everything_that_one_signs_in_by(
    works: Works, administrator: Account, case_worker: Account, clock: SetClock
) -> None:
    app, codes = enrol(works, case_worker)
    clock.moment += STEP
    token = half(works)
    signed_in = confirm(works, half(works), app.at(clock.moment))
    assert isinstance(signed_in, SignedIn)
    with works.write(administrator.actor) as work:
        code = entry.reset(work, case_worker.id)
        assert sessions.standing(work, signed_in.token) is None
        assert not factors.has_codes(work, case_worker.id)
    assert confirm(works, token, codes[0]) == SignInRefused("over")
    assert sign_in.authenticate(works, "besa", PASSWORD, BROWSER) == WRONG
    step = enter(works, "besa", code)
    assert isinstance(step, NextStep)
    choose(works, step.token, "four quiet grey horses")
    assert isinstance(sign_in.authenticate(works, "besa", "four quiet grey horses", BROWSER), SignedIn)


def test_only_an_administrator_gives_codes_and_resets(works: Works, case_worker: Account) -> None:
    with works.write(case_worker.actor) as work:
        for act in (entry.issue_code, entry.reset):
            with pytest.raises(ForbiddenError):
                act(work, case_worker.id)


def test_who_guesses_from_elsewhere_can_t_keep_somebody_out_of_the_own_browser(
    works: Works, case_worker: Account
) -> None:
    first = sign_in.authenticate(works, "besa", PASSWORD, BROWSER)
    assert isinstance(first, SignedIn)
    for _ in range(failures.ADDRESS_DELAY.free):
        sign_in.authenticate(works, "besa", "wrong", BROWSER)
    assert isinstance(sign_in.authenticate(works, "besa", PASSWORD, BROWSER), SignInRefused)
    known = Browser(BROWSER.address, known_token=first.known_token)
    assert isinstance(sign_in.authenticate(works, "besa", PASSWORD, known), SignedIn)
    for _ in range(failures.NAME_DELAY.free):
        assert sign_in.authenticate(works, "besa", "wrong", known) == WRONG
    refused = sign_in.authenticate(works, "besa", PASSWORD, known)
    assert refused == SignInRefused("delayed", timedelta(seconds=1))
    with works.read(SYSTEM) as work:
        stored = work.connection.execute(text("SELECT id FROM known_browser")).scalars().all()
    assert secret_hash(first.known_token) in stored
    assert case_worker.id not in repr(known)
