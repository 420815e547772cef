"""What a proxy says of who asks is taken from those that the organisation names, and from nobody else."""

from __future__ import annotations

import http.client
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import found
from tests.integration.admin.test_serving import free_port, is_up, start, until

from iars_node.accounts.failures import ADDRESS_DELAY
from iars_node.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@dataclass(frozen=True)
class Server:
    """A served node, spoken to from this machine."""

    port: int

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        """Send a request; return the answer's status, headers and body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            named["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(HERE, self.port, timeout=20)
        try:
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            found_headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found_headers, answer.read().decode()
        finally:
            connection.close()

    def guess(self, name: str, **headers: str) -> str:
        """Try to sign in with a wrong password; return the page that answers."""
        _status, given, page = self.ask("GET", "/sign-in", **headers)
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        cookie = given["set-cookie"].partition(";")[0]
        typed = urlencode({"csrf": token[1], "name": name, "password": "five wrong words stand here"})
        _status, _given, answer = self.ask("POST", "/sign-in", typed, Cookie=cookie, **headers)
        return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = found(tmp_path_factory.mktemp("proxies") / "node", "Shelter")
    return made.folder


@contextmanager
def served(folder: Path, proxies: str) -> Iterator[Server]:
    """Serve the node behind proxies of these addresses."""
    port = free_port()
    told = {"IARS_PASSPHRASE": PASSPHRASE, "IARS_BEHIND_PROXY": "true", "IARS_PROXY_ADDRESSES": proxies}
    process = start(folder, "serve", "--port", str(port), **told)
    try:
        until(lambda: is_up(port) or process.poll() is not None)
        yield Server(port)
    finally:
        process.terminate()
        _out, said = process.communicate(timeout=30)
    assert FORGED["X-Forwarded-For"] not in said


def headers_of(server: Server) -> dict[str, str]:
    """Return the headers that answer somebody who claims to have come over TLS."""
    forged = {name.replace("-", "_"): value for name, value in FORGED.items()}
    return server.ask("GET", "/sign-in", Host="node.example.org", **forged)[1]


def is_kept_waiting(page: str) -> bool:
    return "Too many attempts" in page


def test_what_a_stranger_says_of_itself_changes_nothing(folder: Path) -> None:
    with served(folder, ELSEWHERE) as server:
        assert "strict-transport-security" not in headers_of(server)
        # Another address each time, and another name: only the connection's own address is the same.
        for number in range(ADDRESS_DELAY.free):
            page = server.guess(f"nobody{number}", X_Forwarded_For=f"203.0.113.{number}")
            assert not is_kept_waiting(page), number
        assert is_kept_waiting(server.guess("somebody", X_Forwarded_For="198.51.100.1"))


def test_a_named_proxy_is_believed(folder: Path) -> None:
    with served(folder, f"{ELSEWHERE},127.0.0.0/30") as server:
        assert "strict-transport-security" in headers_of(server)
        # Its own word is the last: what a caller wrote before it is as good as anybody's.
        for number in range(ADDRESS_DELAY.free + 1):
            server.guess(f"other{number}", X_Forwarded_For=f"198.51.100.{number}, 203.0.113.77")
        assert is_kept_waiting(server.guess("somebody", X_Forwarded_For="203.0.113.77"))
        assert not is_kept_waiting(server.guess("somebody", X_Forwarded_For="203.0.113.78"))


def test_without_a_word_only_this_machine_is_a_proxy(folder: Path) -> None:
    settings = load_settings(folder)
    assert settings.proxy_addresses == ("127.0.0.1", "::1")


def test_the_trial_believes_the_network_of_its_proxy_alone() -> None:
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    for name in ("shelter", "mission"):
        own = re.search(rf"^x-{name}:.*?^  IARS_PROXY_ADDRESSES: (\S+)$", compose, re.DOTALL | re.MULTILINE)
        shared = re.search(
            rf'^  {name}-front:\n    ipam: {{config: \[{{subnet: "(\S+)"}}\]}}$', compose, re.MULTILINE
        )
        assert own is not None
        assert shared is not None
        assert own[1] == shared[1]
        # On that network are this node and the proxy, and no other organisation's.
        assert re.findall(rf"^    networks: \[.*{name}-front.*\]$", compose, re.MULTILINE) == [
            f"    networks: [{name}, {name}-front]"
        ]
