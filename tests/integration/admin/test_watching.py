"""The audit log, alarms, what waits, and the doctor."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text, update
from tests.conftest import PASSPHRASE
from tests.federation.neighbours import Wire
from tests.integration.admin.organisations import Organisation, consent_words, deliver

from iars_admin import checks, peer_checks
from iars_admin.reaching import Reached
from iars_node.audit.alarms import raise_alarm
from iars_node.db import EPOCH
from iars_node.exchange.tables import outbox
from iars_node.exchange.transport import UnreachableError
from iars_node.node import Node, build_node
from iars_node.settings import load_settings
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def node(shelter: Organisation) -> Iterator[Node]:
    """The shelter's node itself, on a line that leads nowhere: for what no command does."""
    opened = build_node(load_settings(shelter.folder), transport=Wire())
    opened.vault.unlock(PASSPHRASE)
    yield opened
    opened.close()


def findings(organisation: Organisation, *more: str) -> dict[str, list[dict[str, str]]]:
    """Return what the doctor found, by check."""
    found: dict[str, list[dict[str, str]]] = {}
    for finding in organisation.run("doctor", "--json", *more).json:
        found.setdefault(finding["check"], []).append(finding)
    return found


def outcome(organisation: Organisation, check: str, *more: str) -> str:
    """Return the outcome of a check's only finding."""
    [finding] = findings(organisation, *(more or ("--offline",)))[check]
    return finding["outcome"]


def test_the_audit_log_tells_who_did_what(shelter: Organisation, case: str) -> None:
    ada = shelter.as_("ada")
    events = ada.ask("audit", "list", "--case", case)["events"]
    assert {event["action"] for event in events} >= {"case.opened"}
    assert {event["actor_name"] for event in events} == {"mira"}
    assert "case.opened" in ada.run("audit", "list").out
    assert ada.ask("audit", "list", "--action", "audit.")["events"]


def test_the_audit_log_is_paged_and_narrowed(shelter: Organisation) -> None:
    ada = shelter.as_("ada")
    first = ada.ask("audit", "list", "--limit", "2")
    rest = ada.ask("audit", "list", "--limit", "2", "--cursor", first["cursor"])
    numbers = [event["seq"] for event in first["events"] + rest["events"]]
    assert numbers == sorted(set(numbers), reverse=True)
    assert f"--cursor {first['cursor']}" not in ada.run("audit", "list", "--limit", "500").out
    assert ada.ask("audit", "list", "--since", "2100-01-01")["events"] == []
    assert ada.ask("audit", "list", "--until", "2000-01-01T00:00")["events"] == []
    verified = ada.ask("audit", "list", "--peer", "mission", "--action", "peer.verified")["events"]
    assert len(verified) == 1
    assert "Nothing was recorded" in ada.run("audit", "list", "--since", "2100-01-01").out


def test_an_alarm_is_listed_until_it_is_acknowledged(shelter: Organisation, node: Node) -> None:
    with node.works.write(SYSTEM) as work:
        raise_alarm(work, "disk.full", "volume-1")
    [alarm] = shelter.ask("alarm", "list")
    assert (alarm["kind"], alarm["subject"], alarm["acknowledged"]) == ("disk.full", "volume-1", False)
    assert outcome(shelter, "alarms") == "warning"
    shelter.ask("alarm", "acknowledge", alarm["id"])
    assert shelter.ask("alarm", "list") == []
    assert shelter.ask("alarm", "list", "--all")[0]["acknowledged"] is True
    assert shelter.run("alarm", "acknowledge", alarm["id"]).code == 1


def test_what_waits_is_shown_and_tried_again(
    shelter: Organisation, mission: Organisation, node: Node, case: str
) -> None:
    assert "Nothing waits" in shelter.run("exchange", "status").out
    shelter.as_("mira").ask(*consent_words(case))
    shelter.as_("mira").ask("referral", "send", case, "--to", "mission", "--service", "MED-SCREEN")
    [waiting] = shelter.ask("exchange", "status")
    assert (waiting["peer_name"], waiting["pending"], waiting["parked"]) == ("Mission", 1, 0)
    asyncio.run(node.sender.send_once(bytes.fromhex(waiting["peer"])))
    with node.database.write() as connection:
        connection.execute(update(outbox).values(state="parked"))
    [waiting] = shelter.ask("exchange", "status")
    assert (waiting["pending"], waiting["parked"], waiting["failures"]) == (0, 1, 1)
    assert waiting["last_error"] == "connection"
    assert waiting["last_error_text"] == "nothing answers at its address"
    assert outcome(shelter, "outbox") == "warning"
    assert shelter.ask("exchange", "retry", "mission")["lines"] == 1
    deliver(shelter, mission)
    assert shelter.ask("exchange", "status") == []


def test_a_sound_node_has_nothing_that_failed(shelter: Organisation) -> None:
    answer = shelter.run("doctor", "--offline")
    assert answer.code == 0
    found = findings(shelter, "--offline")
    assert {one["outcome"] for name, many in found.items() for one in many if name != "backups"} <= {
        "ok",
        "warning",
    }
    assert {
        "cryptography",
        "database",
        "disk",
        "keys",
        "outbox",
        "alarms",
        "audit log",
        "clock",
    } <= found.keys()
    assert "What to do" in answer.out


def test_the_doctor_asks_for_backups_until_there_is_one(shelter: Organisation, tmp_path: Any) -> None:
    assert outcome(shelter, "backups") == "warning"
    shelter.ask("backup", tmp_path / "backup")
    assert outcome(shelter, "backups") == "ok"


def test_the_doctor_sees_an_old_backup(shelter: Organisation, tmp_path: Any, monkeypatch: Any) -> None:
    shelter.ask("backup", tmp_path / "backup")
    monkeypatch.setattr(checks, "BACKUP_EVERY", timedelta(0))
    assert outcome(shelter, "backups") == "warning"


def test_the_doctor_wants_the_root_keys_gone(shelter: Organisation) -> None:
    # Made with --keep-root, which is for trials, but not in training.
    assert [one["outcome"] for one in findings(shelter, "--offline")["root keys"]] == ["warning"]
    (shelter.folder / "root-key.json").write_text("{}", "utf-8")
    assert len(findings(shelter, "--offline")["root keys"]) == 2


def test_the_doctor_sees_a_folder_that_others_may_enter(shelter: Organisation) -> None:
    shelter.folder.chmod(0o750)
    assert outcome(shelter, "folder") == "warning"


@pytest.mark.parametrize(("free", "expected"), [(10**12, "ok"), (10**9, "warning"), (10**6, "failed")])
def test_the_doctor_measures_the_disk(
    shelter: Organisation, monkeypatch: pytest.MonkeyPatch, free: int, expected: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(free, 0, free))  # noqa: SLF001 - the function's own answer
    assert outcome(shelter, "disk") == expected
    assert shelter.run("doctor", "--offline").code == (1 if expected == "failed" else 0)


def test_the_doctor_sees_a_key_at_its_end(
    shelter: Organisation, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_until = next(reversed(identity_of(node.vault).history.encryption.values())).seal_until
    for before, expected in (
        (timedelta(days=20), "ok"),
        (timedelta(days=2), "warning"),
        (-timedelta(days=1), "failed"),
    ):
        with node.works.read(SYSTEM) as work:
            work.now = EPOCH + timedelta(seconds=seal_until) - before
            assert checks.check_keys(work, node)[0].outcome == expected
    del monkeypatch, shelter


def test_the_doctor_sees_an_audit_event_that_was_changed(shelter: Organisation, node: Node) -> None:
    with node.database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET action = 'case.read' WHERE seq = 2"))
    assert outcome(shelter, "audit log") == "failed"
    assert shelter.run("doctor", "--offline").code == 1
    changed = [
        one
        for one in shelter.as_("ada").ask("audit", "list", "--limit", "500")["events"]
        if not one["intact"]
    ]
    assert [one["seq"] for one in changed] == [2]


def test_the_doctor_holds_the_clock_against_receipts(
    shelter: Organisation, mission: Organisation, node: Node, case: str
) -> None:
    shelter.as_("mira").ask(*consent_words(case))
    shelter.as_("mira").ask("referral", "send", case, "--to", "mission", "--service", "MED-SCREEN")
    deliver(shelter, mission)
    for behind, expected in ((0, "ok"), (60, "warning"), (3600, "failed")):
        with node.works.read(SYSTEM) as work:
            work.now -= timedelta(seconds=behind)
            [finding] = peer_checks.check_clock_by_receipts(work, node)
            assert finding.outcome == expected


@pytest.mark.parametrize(
    ("ahead", "outcomes"),
    [
        (timedelta(0), ["ok"]),
        (None, ["ok"]),
        (timedelta(seconds=90), ["ok", "warning"]),
        (timedelta(seconds=-900), ["ok", "failed"]),
    ],
)
def test_the_doctor_asks_peers_for_the_time(
    shelter: Organisation,
    mission: Organisation,
    monkeypatch: pytest.MonkeyPatch,
    ahead: timedelta | None,
    outcomes: list[str],
) -> None:
    exported = shelter.folder.parent / "mission.listing"
    mission.ask("listing", "export", exported)
    monkeypatch.setattr(
        peer_checks, "fetch_listing", lambda _node, _address: Reached(exported.read_bytes(), 5, ahead)
    )
    [(name, found)] = [(name, many) for name, many in findings(shelter).items() if name.startswith("peer ")]
    assert len(name) == len("peer ") + 12
    assert [finding["outcome"] for finding in found] == outcomes


def _unreachable(_node: Node, _address: str) -> Reached:
    raise UnreachableError("timeout")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(_unreachable, "warning"), (lambda _node, _address: Reached(b"junk", 5, None), "failed")],
    ids=["unreachable", "another node"],
)
def test_the_doctor_tells_an_absent_peer_from_a_false_one(
    shelter: Organisation, monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Reached], expected: str
) -> None:
    monkeypatch.setattr(peer_checks, "fetch_listing", answer)
    [found] = [many for name, many in findings(shelter).items() if name.startswith("peer ")]
    assert [finding["outcome"] for finding in found] == [expected]
