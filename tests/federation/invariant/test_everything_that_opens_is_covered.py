"""The central invariant: whatever a node can still decrypt, it can show why it holds it.

`make test` plays 500 histories, `make fault` 100,000: IARS_TESTS_HISTORIES says how many, and
IARS_TESTS_HISTORIES_FROM from which seed on. One of them is played again by
`.venv/bin/python -m tests.federation.invariant.playing SEED`.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.federation.invariant.judging import (
    everything_uncovered,
    opening_uncovered,
    sharing_uncovered,
    showing_uncovered,
)
from tests.federation.invariant.nodes import Nodes, template
from tests.federation.invariant.opening import NAMING, OWN, READERS, everything_that_opens
from tests.federation.invariant.playing import play, play_all
from tests.federation.neighbours import SHARED

from iars_node.cases import service as cases
from iars_node.consent import onward, onward_use
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient
from iars_node.consent.onward_model import ALL, Ceilings
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.service import disclosing
from iars_node.tables import metadata
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import DESTROY_JOB
from iars_node.withdrawals.service import holdings, obeying
from iars_node.work import SYSTEM
from iars_protocol.consent import Allowed, Onward

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from iars_node.consent.model import Consent
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.consent import Grant

HISTORIES = int(os.environ.get("IARS_TESTS_HISTORIES", "500"))
FIRST = int(os.environ.get("IARS_TESTS_HISTORIES_FROM", "0"))
AT_ONCE = 25
"""So many in one test: pytest's own processes share the tests, and what fails is told at its end."""
CHUNKS = [
    range(start, min(start + AT_ONCE, FIRST + HISTORIES))
    for start in range(FIRST, FIRST + HISTORIES, AT_ONCE)
]
AGAIN = ".venv/bin/python -m tests.federation.invariant.playing"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four nodes that know each other, to be copied for each history."""
    return template(tmp_path_factory.mktemp("ready") / "nodes")


@pytest.fixture
def nodes(ready: Path) -> Iterator[Nodes]:
    """The four nodes of one history."""
    with Nodes(ready) as made:
        yield made


async def share(nodes: Nodes) -> Consent:
    """Have the shelter refer a person to the mission, which accepts and receives everything agreed to."""
    shelter, mission, clinic = (nodes.sides[name] for name in ("shelter", "mission", "clinic"))
    case = shelter.open_case()
    recipients = tuple(Recipient(node=each.id.hex()) for each in (mission, clinic))
    given = shelter.give_consent(case, mission, recipients=recipients, is_onward_allowed=True)
    sent = shelter.refer(case, given, mission)
    await nodes.deliver()
    mission.act(referrals.accept, sent.id)
    await nodes.deliver(3)
    return given


async def pass_on(nodes: Nodes, given: Consent, *, is_permitted: bool = True, wanted: Ceilings = ALL) -> None:
    """Have the mission pass the person on to the clinic, which accepts."""
    shelter, mission, clinic = (nodes.sides[name] for name in ("shelter", "mission", "clinic"))
    with shelter.node.works.write(SYSTEM) as work:
        permission = onward.permit_onward(work, given.id, peers.get(work, mission.id), wanted)
    await nodes.deliver()
    with mission.node.works.read(SYSTEM) as work:
        (received,) = referrals.list_referrals(work).referrals
        case = cases.case_head(work, received.case_id)
    own = mission.give_consent(case, clinic)
    sent = mission.refer(case, own, clinic, onward=permission.id if is_permitted else "")
    await nodes.deliver()
    clinic.act(referrals.accept, sent.id)
    await nodes.deliver(3)


def withdraw(nodes: Nodes, given: Consent) -> None:
    with nodes.sides["shelter"].node.works.write(SYSTEM) as work:
        withdrawals.withdraw(work, [given.id])


def received_scopes(nodes: Nodes, name: str = "mission") -> set[str]:
    with closing(nodes.files(name)) as files:
        return {found.scope for found in everything_that_opens(files) if found.source != OWN}


# -- the checker itself


def test_the_checker_reads_every_table_that_holds_sealed_content() -> None:
    sealing = {
        table.name
        for table in metadata.tables.values()
        if any("sealed" in column.name or column.name in {"key_id", "key_ids"} for column in table.columns)
    }
    assert sealing == READERS.keys() | NAMING


async def test_the_checker_finds_what_was_received_and_finds_it_gone_after_a_withdrawal(nodes: Nodes) -> None:
    given = await share(nodes)
    assert received_scopes(nodes) == set(SHARED)
    assert everything_uncovered(nodes) == []
    withdraw(nodes, given)
    await nodes.deliver()
    # Locked and not destroyed yet: the keys alone don't know it.
    assert opening_uncovered(nodes)
    assert showing_uncovered(nodes) == []
    await nodes.settle()
    assert received_scopes(nodes) == set()
    assert everything_uncovered(nodes) == []


async def test_the_checker_catches_a_destruction_that_does_nothing(nodes: Nodes) -> None:
    given = await share(nodes)
    cast("dict[str, Any]", nodes.sides["mission"].node.jobs)[DESTROY_JOB] = lambda _work, _job: None
    withdraw(nodes, given)
    await nodes.settle()
    faults = opening_uncovered(nodes)
    assert {fault.partition(" opens ")[0] for fault in faults} == {"mission"}
    assert all("it was withdrawn" in fault for fault in faults)
    for table in ("case_content", "message_part"):
        assert any(table in fault for fault in faults)


async def test_the_checker_catches_a_lock_that_was_forgotten(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "lock", lambda _work, _held: None)
    given = await share(nodes)
    withdraw(nodes, given)
    await nodes.deliver()
    assert any("the case's page" in fault for fault in showing_uncovered(nodes))
    assert any("search_word" in fault for fault in opening_uncovered(nodes))


async def test_the_checker_catches_a_destruction_that_forgets_the_messages(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = holdings.ended_holdings

    def without_messages(*given: Any, **named: Any) -> holdings.Holdings:
        found = whole(*given, **named)
        return holdings.Holdings(found.grant_id, found.cases, {})

    monkeypatch.setattr(holdings, "ended_holdings", without_messages)
    given = await share(nodes)
    withdraw(nodes, given)
    await nodes.settle()
    assert {fault.partition("table='")[2].partition("'")[0] for fault in opening_uncovered(nodes)} == {
        "message_part"
    }


async def test_the_checker_finds_what_was_passed_on_gone_at_the_end_of_the_chain(nodes: Nodes) -> None:
    given = await share(nodes)
    await pass_on(nodes, given)
    assert received_scopes(nodes, "clinic") == set(SHARED)
    assert everything_uncovered(nodes) == []
    withdraw(nodes, given)
    await nodes.settle()
    assert received_scopes(nodes) == received_scopes(nodes, "clinic") == set()
    assert everything_uncovered(nodes) == []


async def test_the_checker_catches_a_withdrawal_that_is_not_passed_down_the_chain(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obeying, "_pass_on", lambda *_given: None)
    given = await share(nodes)
    await pass_on(nodes, given)
    withdraw(nodes, given)
    await nodes.settle()
    # The clinic can show a grant that was not ended; that it still stands is the mission's fault.
    faults = sharing_uncovered(nodes)
    assert {fault.partition(" shares ")[0] for fault in faults} == {"mission"}
    assert any("medical for return" in fault for fault in faults)


async def test_the_checker_catches_what_is_passed_on_without_a_permission(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = disclosing.material

    def of_every_source(work: Work, case_id: str, others: Collection[str] = ()) -> disclosing.Material:
        return whole(work, case_id, {*others, *cases.snapshot_sources(work, case_id)["medical"]})

    monkeypatch.setattr(disclosing, "material", of_every_source)
    given = await share(nodes)
    await pass_on(nodes, given, is_permitted=False)
    faults = opening_uncovered(nodes)
    assert {fault.partition(" opens ")[0] for fault in faults} == {"mission"}
    assert all("passed on without a permission" in fault for fault in faults)


async def test_the_checker_catches_a_permission_that_reaches_too_far(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = onward_use._draft  # noqa: SLF001 - the fault is planted where the ceilings are obeyed

    def uncut(work: Work, given: Consent, peer: Peer, service: str, use: onward_use.Usable) -> Grant:
        whole = consents.draft_grant(work, given, peer)
        return replace(cut(work, given, peer, service, use), scopes=whole.scopes)

    monkeypatch.setattr(onward_use, "_draft", uncut)
    monkeypatch.setattr(Onward, "permits", lambda *_given: Allowed())
    given = await share(nodes)
    await pass_on(nodes, given, wanted=Ceilings(("services", "identity"), (), (), ()))
    faults = opening_uncovered(nodes)
    assert any(fault.startswith("mission") and "beyond the permission" in fault for fault in faults)
    assert any(fault.startswith("clinic") and "outside of a permission" in fault for fault in faults)


def test_a_history_of_one_seed_is_told_alike_twice(ready: Path) -> None:
    one, other = ([re.sub(r"\b[0-9a-f]{6}\b", "", line) for line in play(ready, 7).told] for _ in range(2))
    assert one == other


# -- the invariant


@pytest.mark.fault
@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_everything_that_opens_is_covered(ready: Path, seeds: range) -> None:
    # Where pytest has several processes already, each of them plays its own.
    processes = 1 if "PYTEST_XDIST_WORKER" in os.environ else os.cpu_count()
    outcomes = list(play_all(ready, seeds, processes or 1))
    faulty = [outcome for outcome in outcomes if outcome.uncovered]
    told = "\n".join(str(outcome) for outcome in faulty)
    assert not faulty, f"{told}\nPlay again: {AGAIN} {' '.join(str(outcome.seed) for outcome in faulty)}"
    # Histories in which nothing was received, or nothing had to go, would prove nothing.
    assert sum(outcome.received for outcome in outcomes) > len(seeds)
    assert sum(outcome.erased for outcome in outcomes) > len(seeds)
