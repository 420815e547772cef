"""Attachments through the interface, streamed both ways; peers and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.api.conftest import System, exchange

from iars_node.api.problems import PROBLEM_JSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx2
    from tests.federation.neighbours import Neighbour

    Pair = tuple[Neighbour, Neighbour]

SCAN = b"%PDF-1.7" + bytes(range(256)) * 2000
NAME = "attachment; filename*=UTF-8''p%C3%A4ss.pdf"


def upload(
    system: System, case_id: str, content: Any = SCAN, *, key: str = "", **changes: str
) -> httpx2.Response:
    headers = {"Content-Type": "application/pdf", "Content-Disposition": NAME, **changes}
    if key:
        headers["Idempotency-Key"] = key
    path = f"/cases/{case_id}/attachments"
    return system.call("POST", path, params={"scope": "identity"}, content=content, headers=headers)


@pytest.fixture
def case_id(system: System) -> str:
    return str(system.post("/cases", {}).json()["id"])


def files(nodes: Pair) -> list[str]:
    return [path.name for path in nodes[0].node.folder.root.rglob("*") if path.is_file()]


async def in_pieces() -> AsyncIterator[bytes]:
    for start in range(0, len(SCAN), 100_000):
        yield SCAN[start : start + 100_000]


def test_a_file_is_streamed_in_and_out(system: System, case_id: str) -> None:
    made = upload(system, case_id, in_pieces())
    assert made.status_code == 201, made.text
    added = made.json()
    assert (added["name"], added["size"], added["state"]) == ("päss.pdf", len(SCAN), "stored")
    answer = system.get(f"/attachments/{added['id']}")
    assert answer.content == SCAN
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == NAME
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_attachments_are_listed_only_in_the_scopes_that_are_named(system: System, case_id: str) -> None:
    upload(system, case_id)
    path = f"/cases/{case_id}/attachments"
    assert system.get(path).json()["attachments"] == []
    (listed,) = system.get(path, params={"scopes": "identity"}).json()["attachments"]
    assert listed["name"] == "päss.pdf"


def test_a_file_that_is_sent_again_under_its_key_is_kept_once(
    system: System, case_id: str, nodes: Pair
) -> None:
    first = upload(system, case_id, key="scan-1")
    again = upload(system, case_id, key="scan-1")
    assert first.json()["id"] == again.json()["id"]
    assert upload(system, case_id, b"another", key="scan-1").status_code == 422
    assert len(files(nodes)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"Content-Disposition": "attachment"},
        {"Content-Disposition": "attachment; filename*=UTF-8''..%2Fpasswd"},
        {"Content-Type": "pdf"},
    ],
)
def test_a_file_without_a_proper_name_or_type_is_refused_and_not_kept(
    system: System, case_id: str, nodes: Pair, changes: dict[str, str]
) -> None:
    answer = upload(system, case_id, **changes)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM_JSON)
    assert files(nodes) == []


def test_who_may_not_add_a_file_is_told_before_it_is_read(
    new_system: Callable[..., System], case_id: str, nodes: Pair
) -> None:
    read: list[bytes] = []

    async def noticed() -> AsyncIterator[bytes]:
        read.append(SCAN)
        yield SCAN

    narrow = new_system(scopes=frozenset({"services"}))
    assert upload(narrow, case_id, noticed()).status_code == 403
    assert upload(new_system(), "0" * 32, noticed()).status_code == 404
    assert read == []
    assert files(nodes) == []


def test_an_attachment_outside_the_token_s_scopes_is_not_there(
    system: System, new_system: Callable[..., System], case_id: str
) -> None:
    added = upload(system, case_id).json()
    narrow = new_system(scopes=frozenset({"services"}))
    assert narrow.get(f"/attachments/{added['id']}").status_code == 404


def test_peers_are_listed(system: System, nodes: Pair) -> None:
    (peer,) = system.get("/peers").json()["peers"]
    assert (peer["node_id"], peer["trust"], peer["names"]) == (nodes[1].id.hex(), "pinned", {"en": "Mission"})


def test_the_audit_log_is_read_a_page_at_a_time(system: System, case_id: str, nodes: Pair) -> None:
    for _ in range(3):
        system.get(f"/cases/{case_id}")
    exchange(nodes)
    narrowed = {"case_id": case_id, "action": "case.read", "limit": 2}
    first = system.get("/audit", params=narrowed).json()
    assert [event["action"] for event in first["events"]] == ["case.read", "case.read"]
    second = system.get("/audit", params={**narrowed, "cursor": first["cursor"]}).json()
    assert (len(second["events"]), second["cursor"]) == (1, None)
    newest = system.get("/audit", params={"limit": 1}).json()["events"][0]
    assert newest["action"] == "audit.read"
    assert len(newest["leaf"]) == 64
    assert "salt" not in newest
