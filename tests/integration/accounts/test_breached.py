"""A list of passwords that became known: looked up where it lies, checked at the start, never guessed at."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.admin.organisations import found

from iars_node.accounts import entry, sign_in
from iars_node.accounts.model import Browser, NewAccount, NextStep
from iars_node.accounts.service import create_account, set_password
from iars_node.errors import InvalidError, SetupError
from iars_node.settings import load_settings
from iars_node.vault.breached import PIECE_BYTES, PIECES, BreachedPasswords
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.accounts.model import Account
    from iars_node.work import Works

KNOWN = "tanto amore mio 77"
UNKNOWN = "lantern over quiet barley"
REFUSED = {"password": "Others use this password too, and it became known. Choose another one."}


def line_of(password: str, times: int) -> str:
    return f"{hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()}:{times}"


def write_list(path: Path, passwords: list[str], ending: str = "\r\n") -> BreachedPasswords:
    lines = sorted(line_of(each, 10 ** (number % 8)) for number, each in enumerate(passwords))
    path.write_bytes("".join(line + ending for line in lines).encode())
    return BreachedPasswords(path)


@pytest.fixture
def listed(tmp_path: Path) -> BreachedPasswords:
    return write_list(tmp_path / "list.txt", [KNOWN, *(f"password number {each}" for each in range(3000))])


@pytest.fixture
def long_list(tmp_path: Path) -> Path:
    """A list that is longer than what is looked at of it when the node starts."""
    path = tmp_path / "long.txt"
    path.write_text("\n".join(sorted(line_of(f"{each}", 1) for each in range(60_000))))
    assert path.stat().st_size > 2 * PIECES * PIECE_BYTES
    return path


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("count", [1, 2, 3, 64, 999])
def test_every_password_of_a_list_is_found_and_no_other(tmp_path: Path, count: int, ending: str) -> None:
    on_it = [f"on it {each}" for each in range(count)]
    found_by = write_list(tmp_path / "list.txt", on_it, ending)
    found_by.check()
    assert all(found_by.has(each) for each in on_it)
    assert not any(found_by.has(f"not on it {each}") for each in range(200))


def test_a_last_line_without_an_end_is_found(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    listed = write_list(path, ["one", "two", "three"])
    path.write_bytes(path.read_bytes().rstrip(b"\r\n"))
    listed.check()
    assert all(map(listed.has, ("one", "two", "three")))


def test_a_look_up_reads_a_small_part_of_a_long_list(long_list: Path) -> None:
    listed = BreachedPasswords(long_list)
    before = bytes_read()
    assert not listed.has(UNKNOWN)
    assert listed.has("59999")
    assert bytes_read() - before < long_list.stat().st_size // 8


def bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("rchar"))


def test_a_known_password_is_refused_wherever_one_is_chosen(
    works: Works, case_worker: Account, listed: BreachedPasswords
) -> None:
    works.breached = listed
    for name, attempt in (
        ("set", lambda work: set_password(work, case_worker.id, KNOWN)),
        ("made", lambda work: create_account(work, wanted(KNOWN))),
    ):
        with pytest.raises(InvalidError) as refused, works.write(SYSTEM) as work:
            attempt(work)
        assert refused.value.faults == REFUSED, name
    with works.write(SYSTEM) as work:
        set_password(work, case_worker.id, UNKNOWN)
        create_account(work, wanted(UNKNOWN))


def wanted(password: str) -> NewAccount:
    return NewAccount("ilir", "Ilir Prifti", frozenset({"reception"}), password)


def test_a_known_first_password_is_refused_too(
    works: Works, case_worker: Account, listed: BreachedPasswords
) -> None:
    works.breached = listed
    with works.write(SYSTEM) as work:
        code = entry.issue_code(work, case_worker.id)
        begun = entry.enter(work, case_worker.name, code, Browser("192.0.2.1"))
        assert isinstance(begun, NextStep)
        known = sign_in.step_of(work, begun.token)
        assert known is not None
        step, account = known
        with pytest.raises(InvalidError) as refused:
            entry.choose_password(work, step, account, KNOWN, KNOWN)
        assert refused.value.faults == REFUSED


def test_without_a_list_nothing_is_looked_up(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work:
        set_password(work, case_worker.id, KNOWN)


def faulty(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(SetupError) as refused:
        BreachedPasswords(path).check()
    return str(refused.value)


def test_a_list_of_another_form_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    ordered = sorted(line_of(f"{each}", each + 1) for each in range(500))
    by_count = sorted(ordered, key=lambda line: -int(line.partition(":")[2]))
    assert "not in order" in faulty(path, "\n".join(by_count).encode())
    assert "not in order" in faulty(path, "\n".join([*ordered[1:], ordered[0]]).encode())
    assert "something else than hashes" in faulty(path, b"letmein\npassword\n")
    assert "something else than hashes" in faulty(path, b"0123456789ABCDEF0123456789ABCDEF:4\n")
    assert "is empty" in faulty(path, b"")
    path.unlink()
    with pytest.raises(SetupError, match=r"can't be read.*ordered by hash: a line HASH:COUNT"):
        BreachedPasswords(path).check()


def test_a_long_list_out_of_order_far_inside_is_seen_at_the_start(long_list: Path) -> None:
    BreachedPasswords(long_list).check()
    lines = long_list.read_text().splitlines()
    long_list.write_text("\n".join([*lines[30_000:], *lines[:30_000]]))
    with pytest.raises(SetupError, match="not in order"):
        BreachedPasswords(long_list).check()


def test_a_node_does_not_start_without_its_list_and_the_doctor_says_so(tmp_path: Path) -> None:
    shelter = found(tmp_path / "node", "Shelter")
    settings = tmp_path / "node" / "iars.toml"
    written = settings.read_text("utf-8")
    settings.write_text(f'{written}\nbreached_passwords = "known.txt"\n', "utf-8")
    assert load_settings(tmp_path / "node").breached_passwords == tmp_path / "node" / "known.txt"
    refused = shelter.as_("ada").run("serve")
    assert refused.code != 0
    assert "can't be read" in refused.err
    assert "can't be read" in shelter.as_("ada").run("doctor", "--offline").out
    write_list(tmp_path / "node" / "known.txt", ["one", "two"])
    assert "the list is in order" in shelter.as_("ada").run("doctor", "--offline").out
