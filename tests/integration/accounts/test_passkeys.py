"""Passkeys on real databases, by honest devices and by others."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.authenticator import PRESENT, Device

from iars_node.accounts import factor_store, passkeys, service
from iars_node.accounts.model import Account, SignInRefused
from iars_node.accounts.passkeys import ENTER, REGISTER, UNLOCK, Asking, place_of
from iars_node.audit import alarms
from iars_node.errors import InvalidError, NotFoundError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.work import Work, Works

PLACE = place_of("", 8470, "Shelter")
WRONG = SignInRefused("wrong")


def asking(purpose: str = ENTER, browser: bytes = b"one browser") -> Asking:
    return Asking(PLACE, browser, purpose)


def add(works: Works, account: Account, device: Device, name: str = "blue phone") -> None:
    device.handle = bytes.fromhex(account.id)
    with works.write(account.actor) as work:
        options = passkeys.options_to_add(work, account, asking(REGISTER))
        passkeys.add(work, account, device.make(options), name, asking(REGISTER))


def options(works: Works, wanted: Asking | None = None) -> str:
    with works.read(SYSTEM) as work:
        return passkeys.options_to_enter(work, wanted or asking())


def verify(works: Works, answer: str, wanted: Asking | None = None) -> Account | SignInRefused:
    with works.write(SYSTEM) as work:
        return passkeys.verify(work, answer, wanted or asking())


@pytest.fixture
def device(works: Works, case_worker: Account) -> Device:
    """The case worker's own device."""
    made = Device()
    add(works, case_worker, made)
    return made


def test_a_passkey_tells_whose_it_is_without_a_name(
    works: Works, case_worker: Account, device: Device
) -> None:
    asked = json.loads(options(works))
    assert asked["userVerification"] == "required"
    assert asked.get("allowCredentials", []) == []
    assert verify(works, device.use(options(works))) == case_worker
    with works.read(SYSTEM) as work:
        (kept,) = factor_store.passkeys_of(work.connection, case_worker.id)
    assert (kept.sign_count, kept.last_used_at, kept.name) == (1, work.now, "blue phone")
    assert (kept.is_backup_eligible, kept.is_backed_up) == (False, False)


def test_what_the_device_is_told_of_a_person_names_nobody(works: Works, case_worker: Account) -> None:
    with works.read(SYSTEM) as work:
        asked = json.loads(passkeys.options_to_add(work, case_worker, asking(REGISTER)))
    assert case_worker.display_name not in json.dumps(asked)
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }


@pytest.mark.parametrize(
    "lie",
    [{"origin": "https://shelter.example"}, {"origin": "http://localhost:8471"}, {"type": "webauthn.create"}],
    ids=str,
)
def test_an_answer_from_another_page_is_refused(works: Works, device: Device, lie: dict[str, str]) -> None:
    assert verify(works, device.use(options(works), **lie)) == WRONG


def test_an_answer_counts_once(works: Works, case_worker: Account, device: Device) -> None:
    answer = device.use(options(works))
    assert verify(works, answer) == case_worker
    assert verify(works, answer) == WRONG


def test_a_challenge_counts_for_its_browser_its_purpose_and_its_time(
    works: Works, case_worker: Account, device: Device, clock: SetClock
) -> None:
    assert verify(works, device.use(options(works)), asking(browser=b"another")) == WRONG
    assert verify(works, device.use(options(works)), asking(UNLOCK)) == WRONG
    own = json.dumps({"challenge": "AAAA" * 14})
    assert verify(works, device.use(own)) == WRONG
    late = options(works)
    clock.moment += timedelta(minutes=10)
    assert verify(works, device.use(late)) == WRONG
    assert verify(works, device.use(options(works))) == case_worker


def test_another_s_passkey_under_ones_handle_is_refused(
    works: Works, case_worker: Account, administrator: Account, device: Device
) -> None:
    device.handle = bytes.fromhex(administrator.id)
    assert verify(works, device.use(options(works))) == WRONG
    device.handle = bytes.fromhex(case_worker.id)
    assert verify(works, device.use(options(works))) == case_worker


def test_an_unknown_device_and_a_wrong_signature_get_the_same_answer(works: Works, device: Device) -> None:
    assert verify(works, Device().use(options(works))) == WRONG
    forged = Device(credential_id=device.credential_id)
    assert verify(works, forged.use(options(works))) == WRONG


def test_a_device_that_did_not_look_who_holds_it_is_refused(works: Works, device: Device) -> None:
    device.flags = PRESENT
    assert verify(works, device.use(options(works))) == WRONG
    with works.write(SYSTEM) as work:
        owner = _owner(work, device)
        answer = Device(flags=PRESENT).make(passkeys.options_to_add(work, owner, asking(REGISTER)))
        with pytest.raises(InvalidError):
            passkeys.add(work, owner, answer, "x", asking(REGISTER))


def _owner(work: Work, device: Device) -> Account:
    return service.find_account(work, device.handle.hex())


def test_a_passkey_of_another_host_is_refused(works: Works, device: Device) -> None:
    device.host = "shelter.example"
    assert verify(works, device.use(options(works))) == WRONG


def test_a_copied_passkey_is_refused_and_an_administrator_is_told(
    works: Works, case_worker: Account, device: Device
) -> None:
    device.count = 40
    assert verify(works, device.use(options(works))) == case_worker
    device.count = 12
    assert verify(works, device.use(options(works))) == WRONG
    with works.read(SYSTEM) as work:
        (raised,) = alarms.open_alarms(work.connection)
    assert (raised.kind, raised.subject) == ("account.passkey-copied", case_worker.id)


def test_only_a_right_signature_raises_the_alarm_of_a_copy(works: Works, device: Device) -> None:
    device.count = 40
    verify(works, device.use(options(works)))
    forged = Device(credential_id=device.credential_id, handle=device.handle)
    assert verify(works, forged.use(options(works))) == WRONG
    with works.read(SYSTEM) as work:
        assert alarms.open_alarms(work.connection) == []


def test_a_device_that_never_counts_is_taken_at_its_word(works: Works, case_worker: Account) -> None:
    device = Device()
    add(works, case_worker, device)
    for _ in range(2):
        device.count = -1
        assert verify(works, device.use(options(works))) == case_worker


def test_a_disabled_account_is_not_let_in(works: Works, case_worker: Account, device: Device) -> None:
    with works.write(SYSTEM) as work:
        service.disable(work, case_worker.id)
    assert verify(works, device.use(options(works))) == WRONG


def test_passkeys_are_several_named_and_removed_by_their_owner_alone(
    works: Works, case_worker: Account, administrator: Account, device: Device
) -> None:
    add(works, case_worker, Device(), "key in the drawer")
    with works.write(case_worker.actor) as work:
        kept = factor_store.passkeys_of(work.connection, case_worker.id)
        assert {each.name for each in kept} == {"blue phone", "key in the drawer"}
        with pytest.raises(NotFoundError):
            passkeys.remove(work, administrator, kept[0].id)
        for each in kept:
            passkeys.remove(work, case_worker, each.id)
    assert verify(works, device.use(options(works))) == WRONG


def test_a_device_is_not_added_twice_nor_without_a_name(
    works: Works, case_worker: Account, device: Device
) -> None:
    with works.write(case_worker.actor) as work:
        asked = passkeys.options_to_add(work, case_worker, asking(REGISTER))
        assert len(json.loads(asked)["excludeCredentials"]) == 1
        with pytest.raises(InvalidError):
            passkeys.add(work, case_worker, device.make(asked), "again", asking(REGISTER))
        with pytest.raises(InvalidError) as caught:
            passkeys.add(work, case_worker, Device().make(asked), " ", asking(REGISTER))
    assert caught.value.faults.keys() == {"name"}


def test_nobody_fills_the_list_without_end(
    works: Works, case_worker: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkeys, "MOST", 1)
    add(works, case_worker, Device())
    with pytest.raises(InvalidError):
        add(works, case_worker, Device())


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "{}",
        "null",
        "a" * 20_001,
        '{"response": {"clientDataJSON": "AAAA"}}',
        '{"response": {"clientDataJSON": 7}}',
        '{"response": {"clientDataJSON": "e30"}}',
        '{"response": []}',
        "[" * 5000,
    ],
    ids=lambda answer: answer[:30],
)
def test_what_no_browser_says_is_refused(works: Works, case_worker: Account, answer: str) -> None:
    assert verify(works, answer) == WRONG
    with works.write(case_worker.actor) as work, pytest.raises(InvalidError):
        passkeys.add(work, case_worker, answer, "x", asking(REGISTER))


def bends(value: str) -> list[object]:
    return ["", value[: len(value) // 2], value[::-1], 5, None, [], {}]


def test_an_answer_that_is_cut_or_bent_anywhere_is_refused(works: Works, device: Device) -> None:
    asked = options(works)
    with works.read(SYSTEM) as work:
        wanted = passkeys.options_to_add(work, _owner(work, device), asking(REGISTER))
    used, made = json.loads(device.use(asked)), json.loads(Device().make(wanted))
    for whole, name in [(used, name) for name in used["response"]] + [
        (made, name) for name in made["response"]
    ]:
        value = whole["response"][name]
        for bent in bends(value):
            answer = json.dumps({**whole, "response": {**whole["response"], name: bent}})
            if name == "userHandle" and bent in ("", None):
                continue
            assert verify(works, answer) == WRONG, (name, bent)
            with works.write(SYSTEM) as work, pytest.raises(InvalidError):
                passkeys.add(work, _owner(work, device), answer, "x", asking(REGISTER))


def test_the_place_is_the_nodes_own_address() -> None:
    assert (PLACE.host, PLACE.origin) == ("localhost", "http://localhost:8470")
    served = place_of("https://shelter.example.org:8443/iars", 1, "Shelter")
    assert (served.host, served.origin) == ("shelter.example.org", "https://shelter.example.org:8443")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8470", "https://[2001:db8::1]"])
def test_at_a_number_there_are_no_passkeys(address: str) -> None:
    assert PLACE.is_usable
    assert not place_of(address, 1, "Shelter").is_usable
