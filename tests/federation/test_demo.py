"""The demo as people run it: a process of its own that starts four others, judged from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iars_admin.demo.people import synthetic_year
from iars_node.cases import service as cases
from iars_node.clock import SystemClock
from iars_node.node import build_node
from iars_node.referrals import service as referrals
from iars_node.settings import Settings
from iars_node.work import SYSTEM
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 400
RECEIVERS = ("mission", "centre", "ngo")


def start_demo(*arguments: str) -> subprocess.Popen[str]:
    paths = [str(ROOT / name) for name in ("protocol", "node", "admin")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "iars_admin", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Run:
    """One run of the demo: what it told, and the folder that it left."""

    summary: dict[str, Any]
    folder: Path
    known: dict[str, str] = field(repr=False)

    @property
    def nodes(self) -> dict[str, Any]:
        return {node["key"]: node for node in self.summary["nodes"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("demo") / "run"
    process = start_demo("--folder", str(folder), "--json", "demo")
    told, said = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 0, said[-2000:]
    known = {key: "\n".join(texts_at(folder, key)) for key in ("shelter", *RECEIVERS)}
    return Run(json.loads(told), folder, known)


def texts_at(folder: Path, key: str) -> Iterator[str]:
    """Read a node's whole content through its services, as the node itself may."""
    node = build_node(Settings(folder=folder / key))
    node.vault.unlock((folder / "secrets" / f"{key}-passphrase").read_text().strip())
    with node.works.write(SYSTEM) as work:
        for found in cases.list_cases(work, limit=100).found:
            for view in cases.read_case(work, found.case.id).scopes.values():
                yield json.dumps({name: one.value for name, one in view.fields.items()}, ensure_ascii=False)
        for referral in referrals.list_referrals(work, limit=100).referrals:
            for part in referrals.received_content(work, referral.id).values():
                yield json.dumps([part.fields, part.texts], ensure_ascii=False)
            for entry in referrals.timeline(work, referral.id):
                yield entry.remark
                yield json.dumps([[part.fields, part.texts] for part in entry.scopes], ensure_ascii=False)
    node.close()


def test_the_shelter_counts_125_third_country_nationals_and_15_albanians(run: Run) -> None:
    counted = {name: run.summary[name] for name in ("people", "third_country", "nationals", "scopes")}
    assert counted == {"people": 140, "third_country": 125, "nationals": 15, "scopes": 11}
    assert run.summary["households"] == 12


def test_every_referral_is_completed_with_equal_histories_and_a_receipt_for_each_letter(run: Run) -> None:
    seen = [
        (one["service"], one["kind"], one["sender"], one["receiver"], one["state"], one["differences"])
        for one in run.summary["referrals"]
    ]
    assert seen == [
        ("MED-SCREEN", "service", "shelter", "mission", "completed", []),
        ("ARR-RECEPTION", "handover", "shelter", "centre", "completed", []),
        ("FUP-PSY", "service", "centre", "NGO", "completed", []),
    ]
    for one in run.summary["referrals"]:
        assert one["messages"] == one["receipts"] == len(one["letters"])
        assert all(letter["outcome"] == "applied" for letter in one["letters"])
        assert all(letter["issuer"] not in ("", letter["author"]) for letter in one["letters"])
        assert all(letter["bytes"] > 2000 for letter in one["letters"])


def test_each_node_knew_the_scopes_that_were_agreed_to_and_no_others(run: Run) -> None:
    knew = {key: set(node["knew"]) for key, node in run.nodes.items()}
    assert knew["shelter"] == set(SCOPES)
    assert knew["mission"] == {"services", "demographics", "identity", "medical"}
    assert knew["centre"] == set(SCOPES) - {"legal", "family"}
    assert knew["NGO"] == {"services", "demographics", "identity", "contact", "psychosocial"}
    assert run.nodes["NGO"]["knew"]["identity"] == ["alias", "given_name"]


def test_moscow_and_the_ngo_state_the_erasure_of_all_that_she_took_back(run: Run) -> None:
    erased = {one["service"]: set(one["erased"]) for one in run.summary["referrals"]}
    assert erased == {
        "MED-SCREEN": set(),
        "ARR-RECEPTION": set(SCOPES) - {"legal", "family"},
        "FUP-PSY": {"services", "demographics", "identity", "contact", "psychosocial"},
    }
    knows = {key: node["knows"] for key, node in run.nodes.items()}
    assert knows["NGO"] == {}
    # The centre keeps what it found out itself, and nothing else.
    assert not {"travel", "exploitation", "safety"} & set(knows["centre"])
    assert "medical" in knows["centre"]
    for key in ("shelter", "mission"):
        assert knows[key] == run.nodes[key]["knew"]


def test_four_logs_are_verified_offline_and_the_altered_one_is_caught_at_its_place(run: Run) -> None:
    for node in run.summary["nodes"]:
        assert node["log"]["sound"]
        assert 0 < node["log"]["proved"] <= node["log"]["events"]
    altered = run.summary["altered"]
    assert altered["log"] == "centre"
    assert {"code": "changed", "place": altered["place"]} in altered["found"]
    # The auditor's own reading of the file that was left, without any node.
    for name, is_sound in (("centre", True), ("altered", False)):
        process = start_demo("--json", "audit", "verify", str(run.folder / f"{name}.bundle"))
        told, _said = process.communicate(timeout=60)
        assert json.loads(told)["sound"] is is_sound
        assert process.returncode == int(not is_sound)


# What stands in the traveller's file, and which of the others still know it: what went to Moscow and on to
# the NGO was taken back.
MARKERS = {
    ("exploitation", "narrative"): (),
    ("safety", "shelter_location"): (),
    ("legal", "lawyer"): (),
    ("family", "children_details"): (),
    ("contact", "address"): (),
    ("identity", "document_number"): (),
    ("identity", "family_name"): ("mission",),
    ("safety", "threats"): (),
    ("travel", "itinerary"): (),
    ("psychosocial", "support_received"): (),
    ("identity", "given_name"): ("mission",),
    ("identity", "alias"): ("mission",),
}


@pytest.mark.parametrize(("scope", "name"), MARKERS)
def test_what_was_withheld_or_taken_back_is_found_in_nothing_that_a_node_holds(
    run: Run, scope: str, name: str
) -> None:
    (traveller,) = [one for one in synthetic_year(SystemClock().now().year - 1) if one.is_traveller]
    marker = str(traveller.record[scope][name])
    assert marker in run.known["shelter"]
    found = tuple(key for key in RECEIVERS if marker in run.known[key])
    assert found == MARKERS[scope, name]


def test_nobody_else_of_the_year_is_known_outside_the_shelter(run: Run) -> None:
    for person in synthetic_year(SystemClock().now().year - 1):
        told = str(person.record["exploitation"].get("narrative", person.file_number))
        if not person.is_traveller:
            assert not any(told in run.known[key] for key in RECEIVERS)


def test_every_check_held_and_the_time_was_bounded(run: Run) -> None:
    assert (run.summary["held"], run.summary["failed"]) == (True, [])
    assert run.summary["checks"] > 35
    assert run.summary["seconds"] < LONGEST_SECONDS


def test_secrets_are_for_their_owner_alone_and_the_spreadsheet_is_gone(run: Run) -> None:
    secrets = list((run.folder / "secrets").iterdir())
    assert len(secrets) == 12
    assert all(path.stat().st_mode & 0o077 == 0 for path in (*secrets, run.folder / "secrets"))
    assert len({path.read_text() for path in secrets}) == len(secrets)
    assert not (run.folder / "cases.xlsx").exists()


def test_an_interrupted_demo_leaves_no_process_and_no_folder_behind(tmp_path: Path) -> None:
    os.environ["TMPDIR"] = str(tmp_path)
    try:
        process = start_demo("demo")
    finally:
        del os.environ["TMPDIR"]
    assert process.stdout is not None
    ports = []
    for line in process.stdout:
        ports += [int(port) for port in re.findall(r"address: http://127\.0\.0\.1:(\d+)", line)]
        if "Four servers are up" in line:
            break
    assert len(ports) == 4
    assert all(is_listened_to(port) for port in ports)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not any(is_listened_to(port) for port in ports)
    assert list(tmp_path.iterdir()) == []


def is_listened_to(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
