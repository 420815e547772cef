"""Other organisations and keys, by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import deliver, found
from typer.testing import CliRunner

from iars_admin.cli import build_app

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation


@pytest.fixture
def stranger(tmp_path: Path) -> Organisation:
    return found(tmp_path / "stranger", "Stranger")


def test_a_listing_is_exchanged_by_file_and_verified_by_its_digits(
    shelter: Organisation, stranger: Organisation, tmp_path: Path
) -> None:
    exported = stranger.ask("listing", "export", tmp_path / "their.listing")
    added = shelter.ask("peer", "add", tmp_path / "their.listing")
    assert (added["name"], added["trust"]) == ("Stranger", "unverified")
    assert added["fingerprint"] == exported["fingerprint"]
    wrong = shelter.run("peer", "verify", "stranger", "11111 " * 10)
    assert wrong.code == 1
    assert "digits differ" in wrong.err
    own = shelter.run("peer", "verify", "stranger", shelter.ask("listing", "show")["fingerprint"])
    assert own.code == 1
    assert "this organisation's own digits" in own.err
    assert shelter.ask("peer", "verify", "stranger", exported["fingerprint"])["trust"] == "pinned"
    assert shelter.ask("peer", "block", "stranger")["trust"] == "blocked"


def test_a_person_is_told_to_compare_the_digits(
    shelter: Organisation, stranger: Organisation, tmp_path: Path
) -> None:
    exported = stranger.run("listing", "export", tmp_path / "their.listing")
    added = shelter.run("peer", "add", tmp_path / "their.listing")
    digits = exported.out.strip().splitlines()[-1]
    assert digits in added.out
    assert "iars peer verify" in added.out


def test_an_exported_listing_overwrites_nothing(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "listing").write_text("mine", "utf-8")
    assert shelter.run("listing", "export", tmp_path / "listing").code == 1
    assert (tmp_path / "listing").read_text("utf-8") == "mine"


def test_an_earlier_listing_of_ones_own_is_replaced(shelter: Organisation, tmp_path: Path) -> None:
    shelter.ask("listing", "export", tmp_path / "ours.listing")
    before = (tmp_path / "ours.listing").read_bytes()
    shelter.ask("keys", "rotate")
    shelter.ask("listing", "export", tmp_path / "ours.listing")
    assert (tmp_path / "ours.listing").read_bytes() != before


def test_a_listing_can_be_piped(shelter: Organisation, stranger: Organisation, tmp_path: Path) -> None:
    words = ["--folder", str(stranger.folder), "--as", "agim", "listing", "export", "-"]
    result = CliRunner().invoke(build_app(), words, env={"IARS_PASSPHRASE": PASSPHRASE})
    (tmp_path / "piped").write_bytes(result.stdout_bytes)
    assert shelter.ask("peer", "add", tmp_path / "piped")["name"] == "Stranger"


def test_outside_training_no_digits_are_taken_for_granted(
    shelter: Organisation, stranger: Organisation, tmp_path: Path
) -> None:
    stranger.ask("listing", "export", tmp_path / "their.listing")
    answer = shelter.run("peer", "add", tmp_path / "their.listing", "--verified")
    assert answer.code == 1
    assert "--digits" in answer.err
    assert [peer["name"] for peer in shelter.ask("peer", "list")] == ["Mission"]


def test_trials_may_count_a_fingerprint_as_compared(tmp_path: Path) -> None:
    one = found(tmp_path / "one", "One", "--training")
    other = found(tmp_path / "other", "Other", "--training")
    other.ask("listing", "export", tmp_path / "other.listing")
    assert one.ask("peer", "add", tmp_path / "other.listing", "--verified")["trust"] == "pinned"


def test_what_is_no_listing_is_refused(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"not a listing")
    assert shelter.run("peer", "add", tmp_path / "junk").code == 1
    assert "can't be read" in shelter.run("peer", "add", tmp_path / "missing").err


def test_a_peer_is_shown_with_its_fingerprint(shelter: Organisation, mission: Organisation) -> None:
    shown = shelter.ask("peer", "show", "mission")
    assert shown["fingerprint"] == mission.ask("keys", "show")["fingerprint"]
    assert shown["fingerprint"] in shelter.run("peer", "show", shown["node"][:8]).out


def test_a_peer_that_does_not_answer_is_told_apart(shelter: Organisation) -> None:
    answer = shelter.run("peer", "test", "mission", "--json")
    assert answer.code == 1
    assert '"code": "unreachable"' in answer.err
    tested = shelter.as_("ada").ask("audit", "list", "--action", "peer.tested")
    assert tested["events"][0]["detail"]["outcome"] in {"connection", "timeout"}


def test_a_rotated_key_reaches_the_peers(shelter: Organisation, mission: Organisation) -> None:
    before = shelter.ask("keys", "show")["keys"]
    rotated = shelter.ask("keys", "rotate")
    assert rotated["told"] == 1
    deliver(shelter, mission)
    in_use = [
        key["key_id"] for key in rotated["keys"] if key["role"] == "encryption" and key["state"] == "in use"
    ]
    assert in_use == [rotated["key_id"]]
    assert in_use[0] not in {key["key_id"] for key in before}
    received = mission.as_("ada").ask("audit", "list", "--action", "peer.listing-received")["events"]
    assert received[0]["detail"]["number"] == 2


def test_keys_are_shown_to_a_person_as_a_table(shelter: Organisation) -> None:
    shown = shelter.run("keys", "show").out
    for word in ("Fingerprint", "signing", "encryption", "in use"):
        assert word in shown


def test_the_passphrase_changes_and_the_old_one_opens_nothing(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("another passphrase altogether\n", "utf-8")
    assert shelter.ask("keys", "passphrase", "--new-passphrase-file", tmp_path / "new") == {"changed": True}
    assert shelter.run("user", "list").code == 1
    assert shelter.run("user", "list", "--passphrase-file", tmp_path / "new").code == 0


def test_a_short_new_passphrase_changes_nothing(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("short", "utf-8")
    assert shelter.run("keys", "passphrase", "--new-passphrase-file", tmp_path / "new").code == 1
    assert shelter.run("user", "list").code == 0
