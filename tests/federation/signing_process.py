"""A process of its own that refers people as fast as it can."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from tests.conftest import PASSPHRASE

from iars_node.clock import SetClock
from iars_node.node import build_node
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.settings import Settings
from iars_node.work import SYSTEM


def main() -> None:
    """Open the node of a folder, wait for a line on standard input, and refer so many people to a peer."""
    folder, database_url, moment, peer, case_id, consent_id, count = sys.argv[1:]
    clock = SetClock(datetime.fromisoformat(moment))
    node = build_node(Settings(folder=Path(folder), database_url=database_url), clock=clock)
    node.vault.unlock(PASSPHRASE)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for _ in range(int(count)):
        with node.works.write(SYSTEM) as work:
            offering = Offering(case_id, consent_id, "MED-SCREEN", "urgent")
            referrals.send_referral(work, offering, bytes.fromhex(peer))
    node.close()


if __name__ == "__main__":
    main()
