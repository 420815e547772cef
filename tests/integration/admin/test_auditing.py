"""Following, exporting and verifying the log by the command line, also on a machine without a node."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pymerkle
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openpyxl import load_workbook
from pymerkle import InclusionProof
from pymerkle.core import _inclusion_path_layout
from sqlalchemy import text
from tests.conftest import PASSPHRASE
from tests.federation.neighbours import Wire
from tests.integration.admin.organisations import Organisation, consent_words, deliver, give

from iars_admin import auditing, checks
from iars_node.audit import record
from iars_node.node import Node, build_node
from iars_node.settings import load_settings
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def node(shelter: Organisation) -> Iterator[Node]:
    """The shelter's node itself, on a line that leads nowhere: for what no command does."""
    opened = build_node(load_settings(shelter.folder), transport=Wire())
    opened.vault.unlock(PASSPHRASE)
    yield opened
    opened.close()


def codes(answer: Any) -> set[str]:
    return {finding["code"] for finding in answer["findings"]}


def faults(answer: Any) -> set[str]:
    return {finding["code"] for finding in answer["findings"] if finding["outcome"] == "fault"}


def be_witnessed(*organisations: Organisation) -> None:
    for each in organisations:
        each.ask("audit", "checkpoint")
    deliver(*organisations)
    deliver(*organisations)


def verify_alone(bundle: Path, *others: Path) -> tuple[int, Any]:
    """Verify a bundle as on a machine with no node, no passphrase and no account."""
    words = ["--folder", str(bundle.parent / "no-node"), "--json", "audit", "verify", str(bundle)]
    for other in others:
        words += ["--against", str(other)]
    answer = give(words, {"IARS_PASSPHRASE": None})
    return answer.code, answer.json


def test_a_log_is_verified_here_and_its_bundle_on_another_machine(
    shelter: Organisation, mission: Organisation, case: str, tmp_path: Path
) -> None:
    shelter.as_("mira").ask(*consent_words(case))
    shelter.as_("mira").ask("referral", "send", case, "--to", "mission", "--service", "MED-SCREEN")
    deliver(shelter, mission)
    be_witnessed(shelter, mission)
    here = shelter.as_("ada").ask("audit", "verify")
    assert here["sound"] is True
    assert codes(here) == {"cosigned", "unprovable"}
    bundle, theirs = tmp_path / "shelter.bundle", tmp_path / "mission.bundle"
    shelter.as_("ada").ask("audit", "export", bundle)
    mission.as_("ada").ask("audit", "export", theirs)
    assert bundle.stat().st_mode & 0o077 == 0
    code, alone = verify_alone(bundle, theirs)
    assert (code, alone["sound"]) == (0, True)
    assert codes(alone) == {"cosigned", "unprovable"}
    assert verify_alone(theirs, bundle)[0] == 0
    assert shelter.as_("ada").ask("audit", "verify", "--against", theirs)["sound"] is True
    said = shelter.as_("ada").run("audit", "verify")
    assert "nothing contradicts it" in said.out
    assert "Proved up to place" in said.out
    assert mission.ask("keys", "show")["fingerprint"] == verify_alone(theirs)[1]["fingerprint"]


def test_a_bundle_with_one_byte_changed_is_caught(shelter: Organisation, tmp_path: Path) -> None:
    bundle = tmp_path / "shelter.bundle"
    shelter.as_("ada").ask("audit", "export", bundle)
    lines = bundle.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, each in enumerate(lines) if '"line":"leaf"' in each)
    entries = json.loads(lines[at])
    entries["content"] = ("A" if entries["content"][0] != "A" else "B") + entries["content"][1:]
    lines[at] = json.dumps(entries, sort_keys=True, separators=(",", ":")) + "\n"
    bundle.write_text("".join(lines), "utf-8")
    code, alone = verify_alone(bundle)
    assert code == 1
    assert faults(alone) == {"changed"}
    answer = give(["audit", "verify", str(tmp_path / "nothing")])
    assert answer.code == 1
    assert "can't be read" in answer.err


def test_a_bundle_of_some_events_proves_those(shelter: Organisation, case: str, tmp_path: Path) -> None:
    bundle = tmp_path / "case.bundle"
    shelter.as_("ada").ask("audit", "export", bundle, "--case", case)
    shown = [json.loads(each) for each in bundle.read_text("utf-8").splitlines()]
    assert 0 < sum(each["line"] == "leaf" for each in shown) < 5
    code, alone = verify_alone(bundle)
    assert (code, codes(alone)) == (0, {"unprovable"})
    again = shelter.as_("ada").run("audit", "export", bundle)
    assert again.code == 1
    assert "left as it is" in again.err


def test_a_tampered_log_does_not_hold(shelter: Organisation, mission: Organisation, node: Node) -> None:
    be_witnessed(shelter, mission)
    with node.database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET actor_id = 'somebody' WHERE seq = 3"))
    answer = shelter.as_("ada").run("audit", "verify")
    assert answer.code == 1
    assert "it does not hold" in answer.out
    assert "place 2 is not the one that was recorded" in answer.out


def doctor_on(organisation: Organisation, check: str) -> dict[str, str]:
    found = organisation.run("doctor", "--offline", "--json").json
    [finding] = [each for each in found if each["check"] == check]
    return dict(finding)


def proved(organisation: Organisation) -> dict[str, str]:
    finding = doctor_on(organisation, "witnesses")
    return {name: finding[name] for name in ("outcome", "said")}


def test_the_doctor_says_how_far_the_log_is_proved(
    shelter: Organisation, mission: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert proved(shelter) == {"outcome": "warning", "said": "no event is in the tree yet"}
    shelter.ask("audit", "checkpoint")
    assert proved(shelter) == {"outcome": "warning", "said": "nobody has cosigned the log"}
    deliver(shelter, mission)
    assert proved(shelter)["outcome"] == "ok"
    assert "events are proved" in proved(shelter)["said"]
    monkeypatch.setattr(checks, "UNWITNESSED", timedelta(seconds=-1))
    assert proved(shelter)["outcome"] == "warning"


def note_signature_verifies(note: str, public: bytes) -> None:
    """Verify a signed note by its published format and another library, knowing nothing of this project."""
    body, _, signatures = note.rpartition("\n\n")
    signed = base64.b64decode(signatures.splitlines()[0].split(" ")[2])
    Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], (body + "\n").encode())


def test_another_implementation_accepts_what_is_in_a_bundle(
    shelter: Organisation, case: str, node: Node, tmp_path: Path
) -> None:
    bundle = tmp_path / "case.bundle"
    shelter.as_("ada").ask("audit", "export", bundle, "--case", case)
    lines = [json.loads(each) for each in bundle.read_text("utf-8").splitlines()]
    note = [each["note"] for each in lines if each["line"] == "checkpoint"][-1]
    note_signature_verifies(note, identity_of(node.vault).log.public)
    _origin, size, root = note.split("\n")[:3]
    leaves = [each for each in lines if each["line"] == "leaf"]
    assert leaves
    for each in leaves:
        salt, content = unpadded(each["salt"]), unpadded(each["content"])
        entry = hashlib.sha256(salt + content).digest()
        index, count = each["position"] + 1, int(size)
        rule, _ = _inclusion_path_layout(index, count)
        path = [hashlib.sha256(b"\x00" + entry).digest(), *map(unpadded, each["proof"])]
        proof = InclusionProof("sha256", True, count, index, rule, path)
        pymerkle.verify_inclusion(path[0], base64.b64decode(root), proof, index=index, size=count)


def test_another_implementation_builds_the_same_tree_from_a_whole_bundle(
    shelter: Organisation, mission: Organisation, tmp_path: Path
) -> None:
    be_witnessed(shelter, mission)
    bundle = tmp_path / "shelter.bundle"
    shelter.as_("ada").ask("audit", "export", bundle)
    lines = [json.loads(each) for each in bundle.read_text("utf-8").splitlines()]
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for each in lines:
        if each["line"] == "leaf":
            tree.append_entry(hashlib.sha256(unpadded(each["salt"]) + unpadded(each["content"])).digest())
    notes = [each["note"] for each in lines if each["line"] == "checkpoint"]
    assert len(notes) >= 2
    for note in notes:
        _origin, size, root = note.split("\n")[:3]
        assert tree.get_root(int(size)) == base64.b64decode(root)
    assert any("iars/1/witness/" in note for note in notes)


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_log_that_was_restored_from_a_backup_is_sound_and_goes_on_in_a_new_one(
    shelter: Organisation, mission: Organisation, tmp_path: Path
) -> None:
    be_witnessed(shelter, mission)
    shelter.ask("backup", tmp_path / "backup")
    shelter.ask("audit", "checkpoint")
    deliver(shelter, mission)
    shelter.ask("restore", tmp_path / "backup", "--replace")
    waiting = shelter.as_("ada").run("audit", "verify", "--json").json
    # The next log is opened when the witness has said how far the last one had come.
    assert {"waiting", "restored"} <= codes(waiting)
    assert faults(waiting) == set()
    assert waiting["sound"] is True
    said = shelter.as_("ada").run("audit", "verify").out
    assert "A restore from a backup was declared" in " ".join(said.split())
    for _ in range(4):
        deliver(shelter, mission)
    be_witnessed(shelter, mission)
    bundle = tmp_path / "mission.bundle"
    mission.as_("ada").ask("audit", "export", bundle)
    after = shelter.as_("ada").ask("audit", "verify", "--against", bundle)
    assert faults(after) == set()
    assert {"gap", "lost", "cosigned"} <= codes(after)


def test_a_database_that_was_put_back_without_a_word_is_no_restore(
    shelter: Organisation, mission: Organisation
) -> None:
    be_witnessed(shelter, mission)
    files = {path.name: path.read_bytes() for path in shelter.folder.glob("node.sqlite*")}
    for name in ("lule", "dita", "erion"):
        shelter.ask("user", "add", name, "--role", "reception")
    be_witnessed(shelter, mission)
    for path in shelter.folder.glob("node.sqlite*"):
        path.unlink()
    for name, octets in files.items():
        (shelter.folder / name).write_bytes(octets)
    answer = shelter.as_("ada").run("audit", "verify", "--json")
    assert answer.code == 1
    assert "rolled-back" in faults(answer.json)
    assert "restored" not in codes(answer.json)
    finding = doctor_on(shelter, "audit log")
    assert finding["outcome"] == "failed"
    assert "does not continue its signed head" in finding["said"]
    # It signs nothing more, and says so.
    refused = shelter.run("audit", "checkpoint")
    assert refused.code == 1
    assert "Nothing was signed" in refused.err
    assert "audit.rolled-back" in {alarm["kind"] for alarm in shelter.ask("alarm", "list")}


def test_a_damaged_tree_is_named_by_the_doctor_and_built_anew_by_a_command(
    shelter: Organisation, node: Node
) -> None:
    assert shelter.ask("audit", "rebuild") == []
    shelter.ask("audit", "checkpoint")
    [whole] = shelter.ask("audit", "rebuild")
    assert (whole["damaged"], whole["continues"]) == (0, True)
    assert whole["said"].startswith("The stored tree is whole; ")
    with node.database.write() as connection:
        connection.execute(text("DELETE FROM audit_tile"))
    finding = doctor_on(shelter, "audit log")
    assert (finding["outcome"], finding["said"]) == ("failed", "the stored tree is damaged")
    assert "iars audit rebuild" in finding["advice"]
    # A log with a hole is still verified and exported, as far as it goes.
    assert faults(shelter.as_("ada").run("audit", "verify", "--json").json)
    [dry] = shelter.ask("audit", "rebuild")
    assert (dry["damaged"], dry["continues"], dry["signed"]) == (1, True, whole["signed"])
    assert doctor_on(shelter, "audit log")["outcome"] == "failed"
    shelter.ask("audit", "rebuild", "--write")
    assert doctor_on(shelter, "audit log")["outcome"] == "ok"
    assert shelter.as_("ada").ask("audit", "verify")["sound"] is True
    assert shelter.as_("mira").run("audit", "rebuild").code == 1


def test_a_tree_over_changed_events_is_not_built(shelter: Organisation, node: Node) -> None:
    shelter.ask("audit", "checkpoint")
    with node.database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET leaf = zeroblob(32) WHERE seq = 3"))
    answer = shelter.run("audit", "rebuild")
    assert answer.code == 1
    assert "do not give the signed head" in " ".join(answer.out.split())
    refused = shelter.run("audit", "rebuild", "--write")
    assert refused.code == 1
    assert "Nothing was written" in refused.err
    with node.database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_delete"))
        connection.execute(text("DELETE FROM audit_event WHERE seq = 3"))
        connection.execute(text("DELETE FROM audit_tile"))
    assert "are gone with their leaves" in " ".join(shelter.run("audit", "rebuild").out.split())


def test_a_tree_that_no_head_was_signed_over_says_so(shelter: Organisation, node: Node) -> None:
    shelter.as_("ada").ask("audit", "verify")
    with node.database.write() as connection:
        connection.execute(text("DELETE FROM audit_checkpoint"))
        connection.execute(text("DELETE FROM audit_tile"))
    [found] = shelter.ask("audit", "rebuild", "--write")
    assert found["said"].endswith("no head was signed that it could be compared with.")


def test_the_log_is_read_by_account_and_person(shelter: Organisation, case: str) -> None:
    ada = shelter.as_("ada")
    by_mira = ada.ask("audit", "list", "--by", "mira")["events"]
    assert {event["actor_name"] for event in by_mira} == {"mira"}
    of_person = ada.ask("audit", "list", "--person", case)["events"]
    assert "case.opened" in {event["action"] for event in of_person}
    assert ada.run("audit", "list", "--person", "K-0000").code == 1


def test_the_log_is_written_to_a_file_that_no_spreadsheet_computes(
    shelter: Organisation, node: Node, tmp_path: Path
) -> None:
    with node.works.write(SYSTEM) as work:
        record(work, "case.read", subject="=1+1", detail={"count": 3, "word": "x"})
    ada = shelter.as_("ada")
    sheet, lines = tmp_path / "log.xlsx", tmp_path / "log.jsonl"
    told = ada.ask("audit", "list", "--action", "case.", "--to", sheet)
    assert told["events"] == 1
    rows = list(load_workbook(sheet)["Audit log"].iter_rows(values_only=True))
    assert rows[0] == auditing.COLUMNS
    written = dict(zip(*rows, strict=True))
    assert written["subject"] == "'=1+1"
    assert written["detail"] == "count: 3, word: x"
    assert ada.ask("audit", "list", "--to", lines)["events"] > 1
    newest = json.loads(lines.read_text("utf-8").splitlines()[0])
    assert newest["action"] == "audit.exported"
    assert ada.run("audit", "list", "--to", tmp_path / "log.txt").code == 1
    assert ada.run("audit", "list", "--to", lines).code == 1
    assert "are in" in ada.run("audit", "list", "--to", tmp_path / "again.jsonl").out


def test_a_sheet_that_can_not_hold_the_log_is_refused_and_not_there(
    shelter: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MOST_ROWS", 1)
    answer = shelter.as_("ada").run("audit", "list", "--to", tmp_path / "log.xlsx")
    assert answer.code == 1
    assert not list(tmp_path.glob("log*"))


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_happens_is_followed_until_it_is_interrupted(
    shelter: Organisation, node: Node, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    turns = itertools.count()

    def happen(_seconds: float) -> None:
        if next(turns) == 2:
            raise KeyboardInterrupt
        with node.works.write(SYSTEM) as work:
            record(work, "case.read", subject="followed")
            record(work, "case.closed", subject="not-followed")

    monkeypatch.setattr(time, "sleep", happen)
    answer = shelter.as_("ada").run("audit", "list", "--follow", "--action", "case.read", *more)
    assert answer.code == 130
    assert answer.out.count("followed") == 2
    assert "not-followed" not in answer.out
