"""`iars` as a process of its own: served, spoken to over HTTP, told to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import PASSWORD, Organisation, consent_words, found, give

from iars_admin.commands.serve import check_address, check_port
from iars_node.errors import SetupError
from iars_node.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START_SECONDS = 30
PROGRAM = [sys.executable, "-m", "iars_admin"]


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port: int = opened.getsockname()[1]
        return port


def start(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    """Start the command as a process; secrets come by its environment."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
    return subprocess.Popen(
        [*PROGRAM, "--folder", str(folder), *words],
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def is_up(port: int) -> bool:
    """Say whether a node answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def served() -> Iterator[Callable[[Path, int], subprocess.Popen[str]]]:
    """Serve nodes as processes of their own, until the test is over."""
    running: list[subprocess.Popen[str]] = []

    def serve(folder: Path, port: int) -> subprocess.Popen[str]:
        process = start(folder, "serve", "--port", str(port), IARS_PASSPHRASE=PASSPHRASE)
        running.append(process)
        until(lambda: is_up(port) or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1]
        return process

    yield serve
    for process in running:
        process.kill()
        process.communicate()


def test_a_node_is_made_by_a_process_and_no_secret_is_on_its_command_line(tmp_path: Path) -> None:
    words = ["init", "--name", "Shelter", "--type", "NGO", "--country", "AL", "--administrator", "agim"]
    process = start(tmp_path / "node", *words, IARS_PASSPHRASE=PASSPHRASE, IARS_PASSWORD=PASSWORD)
    out, err = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, err
    assert "RECOVERY SHEET" in out
    assert PASSPHRASE not in str(process.args)
    assert PASSWORD not in str(process.args)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_served_node_stops_when_it_is_told_to(
    shelter: Organisation, served: Callable[[Path, int], subprocess.Popen[str]], number: signal.Signals
) -> None:
    process = served(shelter.folder, free_port())
    process.send_signal(number)
    _, err = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, err
    events = shelter.as_("ada").ask("audit", "list", "--action", "node.")["events"]
    assert [event["action"] for event in events][:2] == ["node.stopped", "node.started"]
    assert "Traceback" not in err


def test_two_served_nodes_federate_by_address_and_exchange_a_referral(
    tmp_path: Path, person: Path, served: Callable[[Path, int], subprocess.Popen[str]]
) -> None:
    ports = {"shelter": free_port(), "mission": free_port()}
    nodes = {}
    for name, port in ports.items():
        nodes[name] = found(tmp_path / name, name.title(), "--url", f"http://127.0.0.1:{port}", "--training")
        served(tmp_path / name, port)
    shelter, mission = nodes["shelter"], nodes["mission"]
    for one, port in ((shelter, ports["mission"]), (mission, ports["shelter"])):
        assert one.ask("peer", "add", f"http://127.0.0.1:{port}", "--verified")["trust"] == "pinned"
    tested = shelter.ask("peer", "test", "mission")
    assert (tested["reached"], abs(tested["clock_ahead_seconds"]) <= 2) == (True, True)
    assert "answered in" in shelter.run("peer", "test", "mission").out
    assert "answers in" in shelter.run("doctor").out
    mira, other = shelter.as_("mira"), mission.as_("mira")
    case = mira.ask("case", "open", person)["reference"]
    mira.ask(*consent_words(case))
    asked = ("--to", "mission", "--service", "MED-SCREEN", "--yes")
    reference = mira.ask("referral", "send", case, *asked)["reference"]
    until(lambda: other.ask("referral", "list", "--in")["referrals"])
    other.ask("referral", "accept", reference)
    until(lambda: "identity" in other.ask("referral", "show", reference)["received"])
    assert mira.ask("referral", "show", reference)["state"] == "accepted"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "node.example.org"])  # noqa: S104 - what is refused
def test_a_node_does_not_listen_beyond_this_machine_in_the_clear(shelter: Organisation, host: str) -> None:
    answer = shelter.run("serve", "--host", host)
    assert answer.code == 1
    assert "behind_proxy" in answer.err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_a_node_may_listen_in_the_clear(shelter: Organisation, host: str) -> None:
    check_address(load_settings(shelter.folder), host)


def test_behind_a_proxy_or_with_tls_a_node_listens_anywhere(shelter: Organisation) -> None:
    settings = load_settings(shelter.folder)
    check_address(settings.model_copy(update={"behind_proxy": True}), "0.0.0.0")  # noqa: S104 - as above
    check_address(settings.model_copy(update={"tls_certificate": shelter.folder}), "0.0.0.0")  # noqa: S104 - as above
    with pytest.raises(SetupError):
        check_address(settings, "0.0.0.0")  # noqa: S104 - as above


def test_a_port_in_use_is_said_in_one_sentence_before_anything_else(shelter: Organisation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start(shelter.folder, "serve", "--port", str(port), IARS_PASSPHRASE=PASSPHRASE)
        out, err = process.communicate(timeout=START_SECONDS)
    assert (process.returncode, out) == (1, "")
    assert err.startswith(f"iars: The port {port} of 127.0.0.1 is in use: ")
    assert err.count("\n") == 1


def test_an_address_that_is_not_known_is_said_to_be_so() -> None:
    with pytest.raises(SetupError, match=r"nowhere\.invalid is not known"):
        check_port("nowhere.invalid", 8470)


def test_a_port_that_was_left_a_moment_ago_is_free_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            left, _ = opened.accept()
            # Whoever closes first keeps the port waiting.
            left.close()
    check_port("127.0.0.1", port)
    check_port("localhost", port)


def test_the_wrong_passphrase_serves_nothing(shelter: Organisation) -> None:
    answer = shelter.run("serve", IARS_PASSPHRASE="not the passphrase")
    assert answer.code == 1


def test_where_there_is_no_node_the_command_says_how_to_make_one(tmp_path: Path) -> None:
    for words in (["serve"], ["user", "list"], ["upgrade"]):
        answer = give(["--folder", str(tmp_path / "nowhere"), *words])
        assert answer.code == 1
        assert "iars init" in answer.err
    assert not (tmp_path / "nowhere").exists()


def test_an_upgrade_of_a_new_node_has_nothing_to_do(shelter: Organisation) -> None:
    assert shelter.ask("upgrade") == {"upgraded": False}


def test_keys_that_seal_nothing_are_removed_only_when_the_node_is_stopped(
    tmp_path: Path, served: Callable[[Path, int], subprocess.Popen[str]]
) -> None:
    organisation = found(tmp_path / "node", "Shelter")
    process = served(organisation.folder, free_port())
    # A served node hands out keys that no row names yet: to count them does no harm, to take them would.
    before = organisation.ask("keys", "orphans")
    answer = organisation.run("keys", "orphans", "--remove")
    assert answer.code == 1
    assert "stop the node first" in answer.err
    process.send_signal(signal.SIGTERM)
    process.wait(START_SECONDS)
    assert organisation.ask("keys", "orphans") == before
    assert organisation.ask("keys", "orphans", "--remove")["removed"] == len(before["orphans"])
    assert organisation.ask("keys", "orphans")["orphans"] == []
