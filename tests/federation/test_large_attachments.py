"""A large attachment between two processes: in flat memory, and through the death of either."""

from __future__ import annotations

import hashlib
import os
from itertools import repeat
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from tests.federation.neighbours import introduce
from tests.federation.processes import ServedNode, wait_until

from iars_node.attachments.service import add_attachment, list_attachments, read_attachment, stored_file
from iars_node.attachments.uploading import UPLOAD_JOB
from iars_node.db import EPOCH
from iars_node.jobs.tables import job
from iars_node.referrals import service as referrals
from iars_node.referrals import store
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iars_node.cases.model import Case

    Pair = tuple[ServedNode, ServedNode]

pytestmark = pytest.mark.fault

MEGABYTES = int(os.environ.get("IARS_TESTS_ATTACHMENT_MB", "64"))
PIECE = bytes(range(256)) * 4096
MOST_GROWTH = 40
SECONDS = 300


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Pair]:
    pair = ServedNode(tmp_path / "shelter", "shelter"), ServedNode(tmp_path / "mission", "mission")
    introduce(*pair)
    for one in pair:
        one.start()
    yield pair
    for one in pair:
        one.kill()
        one.node.close()


def attach(node: ServedNode, case: Case, megabytes: int) -> str:
    stored = node.node.folder.write(repeat(PIECE, megabytes), most=2**40)
    with node.node.works.write(SYSTEM) as work:
        added = add_attachment(work, case.id, "medical", stored, name="scan.bin", media_type="a/b")
    return added.id


def disclose(shelter: ServedNode, mission: ServedNode, megabytes: int) -> tuple[str, str]:
    """Refer a person with an attachment and accept; return the receiver's case and the attachment."""
    case = shelter.open_case()
    wanted = attach(shelter, case, megabytes)
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, attachments=(wanted,))
    wait_until(lambda: is_known(mission, sent.id), SECONDS)
    mission.act(referrals.accept, sent.id)
    wait_until(lambda: state_of(mission, mission.referral(sent.id).case_id) != "", SECONDS)
    return mission.referral(sent.id).case_id, wanted


def is_known(node: ServedNode, referral_id: str) -> bool:
    with node.node.works.read(SYSTEM) as work:
        return store.find(work.connection, referral_id) is not None


def state_of(node: ServedNode, case_id: str) -> str:
    with node.node.works.read(SYSTEM) as work:
        held = list_attachments(work, case_id)
    return held[0].state if held else ""


def arrived(node: ServedNode) -> int:
    return sum(path.stat().st_size for path in node.node.folder.root.rglob("*.part"))


def hash_of(node: ServedNode, attachment_id: str) -> str:
    with node.node.works.write(SYSTEM) as work:
        found = read_attachment(work, attachment_id)
    seen = hashlib.sha256()
    for piece in node.node.folder.open(stored_file(found)):
        seen.update(piece)
    return seen.hexdigest()


def expected_hash(megabytes: int) -> str:
    seen = hashlib.sha256()
    for piece in repeat(PIECE, megabytes):
        seen.update(piece)
    return seen.hexdigest()


def let_time_pass(node: ServedNode) -> None:
    """End the lease of a killed process and the pause after a failure, as two minutes would."""
    with node.node.works.write(SYSTEM) as work:
        work.connection.execute(
            update(job).where(job.c.kind == UPLOAD_JOB).values(lease_until=None, due_at=EPOCH)
        )


def test_both_sides_carry_a_large_attachment_in_flat_memory(served: Pair) -> None:
    shelter, mission = served
    case_id, _ = disclose(shelter, mission, 1)
    wait_until(lambda: state_of(mission, case_id) == "stored", SECONDS)
    before = {}
    for one in served:
        one.forget_peak()
        before[one] = one.memory("VmRSS")
    case_id, wanted = disclose(shelter, mission, MEGABYTES)
    wait_until(lambda: state_of(mission, case_id) == "stored", SECONDS)
    growth = {one.folder.name: round(one.memory("VmHWM") - before[one], 1) for one in served}
    assert max(growth.values()) < MOST_GROWTH, growth
    assert hash_of(mission, wanted) == expected_hash(MEGABYTES)


@pytest.mark.parametrize("killed", ["receiver", "sender"])
def test_an_upload_survives_the_death_of_either_side(served: Pair, killed: str) -> None:
    shelter, mission = served
    case_id, wanted = disclose(shelter, mission, MEGABYTES)
    victim = mission if killed == "receiver" else shelter
    wait_until(lambda: arrived(mission) > 4_000_000, SECONDS, pause=0.001)
    victim.kill()
    kept = arrived(mission)
    assert 4_000_000 < kept < MEGABYTES * 1_000_000
    assert state_of(mission, case_id) == "expected"
    victim.start()
    # Meanwhile the other one may notice, and pause for a minute.
    wait_until(lambda: _is_moving(shelter, mission, case_id), SECONDS, pause=0.2)
    wait_until(lambda: state_of(mission, case_id) == "stored", SECONDS)
    assert hash_of(mission, wanted) == expected_hash(MEGABYTES)


def _is_moving(shelter: ServedNode, mission: ServedNode, case_id: str) -> bool:
    let_time_pass(shelter)
    return state_of(mission, case_id) == "stored"
