"""The demo that stays up: everybody who works at the four organisations signs in and finds work."""

from __future__ import annotations

import http.client
import json
import re
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.federation.test_demo import is_listened_to, start_demo

from iars_admin.demo import doors, staff
from iars_admin.demo.cast import PARTS
from iars_admin.demo.organisation import Organisation
from iars_admin.demo.telling import Teller
from iars_node.attachments import service as attachments
from iars_node.audit.alarms import open_alarms
from iars_node.cases import service as cases
from iars_node.consent.ending import ending_before
from iars_node.exchange.waiting import waiting as waiting_lines
from iars_node.node import build_node
from iars_node.referrals import service as referrals
from iars_node.referrals.service import waiting
from iars_node.settings import load_settings
from iars_node.work import SYSTEM
from iars_protocol.referral import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iars_node.node import Node

PAGES = ("/", "/cases", "/referrals", "/partners", "/me")
# Which pages a role has no part in, and whose work is not on the list of what waits.
SHUT = {
    "specialist": {"/partners"},
    "reception": {"/partners"},
    "auditor": {"/cases", "/referrals"},
    "administrator": {"/cases", "/referrals"},
}
OTHER_WORK = {"auditor": "/log", "administrator": "/log"}
SENT_IN_THE_OUTAGE = {"shelter": 2, "mission": 1, "centre": 1, "NGO": 1}


class Kept:
    """A demo that stays up, and the folder of its run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = start_demo("--folder", str(folder), "--json", "demo", "--keep")
        self.summary = self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert told, self.process.communicate()[1][-2000:]
        found: dict[str, Any] = json.loads(told)
        return found

    @property
    def doors(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.summary["doors"]
        return found

    def node(self, key: str) -> Node:
        node = build_node(load_settings(self.folder / key.lower()))
        node.vault.unlock((self.folder / "secrets" / f"{key.lower()}-passphrase").read_text().strip())
        return node


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    run = Kept(tmp_path_factory.mktemp("kept") / "run")
    ports = {urlsplit(door["address"]).port or 0 for door in run.doors}
    try:
        assert all(map(is_listened_to, ports))
        yield run
    finally:
        run.process.send_signal(signal.SIGTERM)
        run.process.communicate(timeout=60)
    assert not any(map(is_listened_to, ports))


class Visitor:
    """Somebody who signs in over the served node's own address."""

    def __init__(self, door: dict[str, str]) -> None:
        self._host = urlsplit(door["address"]).netloc
        self._cookies: dict[str, str] = {}
        _status, page = self.ask("GET", "/sign-in")
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        typed = {"csrf": token[1], "name": door["account"], "password": door["password"], "next": "/"}
        self.status, _page = self.ask("POST", "/sign-in", urlencode(typed))

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        """Ask for a page; return its status and what it says."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, content = value.partition(";")[0].partition("=")
                    self._cookies[key] = content
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def test_what_the_demo_proves_holds_also_after_a_year(kept: Kept) -> None:
    assert kept.summary["failed"] == []
    assert kept.summary["people"] == 140


def test_there_is_a_door_for_each_role_at_each_organisation(kept: Kept) -> None:
    wanted = [(part.name, code) for part in PARTS for code, _label in staff.ROLES]
    assert [(door["organisation"], door["role"]) for door in kept.doors] == wanted
    assert len({door["password"] for door in kept.doors}) == len(wanted) == 32
    assert kept.summary["second_step"] == doors.SECOND_STEP


def test_everybody_signs_in_and_finds_work(kept: Kept) -> None:
    for door in kept.doors:
        visitor = Visitor(door)
        assert visitor.status == 303, door["account"]
        for path in PAGES:
            status, page = visitor.ask("GET", path)
            is_shut = path in SHUT.get(door["role"], set())
            assert status == (403 if is_shut else 200), (door["account"], path)
            if path == "/" and door["role"] not in OTHER_WORK:
                assert "Nothing waits for you now" not in page, door["account"]
        if other := OTHER_WORK.get(door["role"]):
            status, page = visitor.ask("GET", other)
            assert (status, "<tbody>" in page) == (200, True), door["account"]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.key)
def test_a_node_holds_a_year_of_every_kind(kept: Kept, part: Any) -> None:
    node = kept.node(part.key)
    try:
        with node.works.write(SYSTEM) as work:
            found = cases.list_cases(work, limit=100).found
            heads = [one.case for one in found]
            assert len({head.opened_at.strftime("%Y-%m") for head in heads}) > 5
            assert len({head.assigned_to for head in heads if head.assigned_to}) == 2
            assert len({head.team_id for head in heads if head.team_id}) == 2
            tasks = [task for head in heads for task in cases.tasks_of_case(work, head.id)]
            assert {task.is_late(work.now) for task in tasks} == {True, False}
            assert sum(attachments.count_attachments(work, head.id) for head in heads) >= 3
            assert ending_before(work, work.now.replace(year=work.now.year + 1), 10)
    finally:
        node.close()


def test_referrals_stand_in_every_state(kept: Kept) -> None:
    states: Counter[str] = Counter()
    for part in PARTS:
        node = kept.node(part.key)
        with node.works.write(SYSTEM) as work:
            page = referrals.list_referrals(work, limit=100)
            states.update(one.state for one in page.referrals)
            while page.cursor:
                page = referrals.list_referrals(work, cursor=page.cursor, limit=100)
                states.update(one.state for one in page.referrals)
        node.close()
    assert set(states) == set(STATES)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.key)
def test_an_outage_has_left_referrals_that_came_too_late_and_alarms(kept: Kept, part: Any) -> None:
    node = kept.node(part.key)
    try:
        with node.works.read(SYSTEM) as work:
            kinds = {each.kind for each in open_alarms(work.connection)}
            late = waiting.overdue(work, 50)
            now = work.now
            lines = waiting_lines(work)
    finally:
        node.close()
    assert {"exchange.peer-unreachable", "exchange.refused"} <= kinds
    assert not kinds & {"account.opens-many", "account.stopped-opening"}
    assert [each.problem for each in late] == ["expired"] * SENT_IN_THE_OUTAGE[part.key]
    assert all(each.respond_by < now for each in late)
    assert not any(line.pending or line.parked for line in lines)


def test_administrators_and_data_protection_officers_find_the_alarm(kept: Kept) -> None:
    for door in kept.doors:
        if door["role"] in ("administrator", "data-protection-officer"):
            visitor = Visitor(door)
            assert 'href="/alarms"' in visitor.ask("GET", "/")[1], door["account"]
            status, page = visitor.ask("GET", "/alarms")
            assert (status, "exchange.peer-unreachable" in page) == (200, True), door["account"]


def test_the_ways_in_fit_a_terminal_of_80_columns(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    organisations = {part.key: Organisation(part, tmp_path, 65535) for part in PARTS}
    for one in organisations.values():
        for code, _label in staff.ROLES:
            one.secret_file(staff.account_of(one.part.key, code)).write_text("x" * 20)
    doors.tell(Teller(is_silent=False), organisations)
    lines = capsys.readouterr().out.splitlines()
    tables = [line.rstrip() for line in lines if line.startswith(("│", "┃", "┏", "└")) or "http://" in line]
    assert len(tables) > 32
    assert max(map(len, tables)) <= 80
