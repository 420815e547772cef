"""Memory: what a node holds when it is unlocked and idle, and after ten thousand referrals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.bench.results import Aim

if TYPE_CHECKING:
    from tests.bench.nodes import Pair
    from tests.bench.results import Results

REFERRALS = 10_000
WARM = 1_000
MADE_AT_ONCE = 50
# Longer than any loop's pause: what the node does when nothing is asked of it has happened by then.
IDLE_SECONDS = 3.0
IDLE_AIM, GROWTH_AIM = Aim(120), Aim(30)


def measure_memory(results: Results, suite: str, pair: Pair) -> None:
    """Measure both nodes before and after."""
    results.say(f"{suite}: {REFERRALS:,} referrals, in batches of 50.")
    with pair.receiver.serve() as receiver, pair.sender.serve() as sender:
        served = {"sender": sender, "receiver": receiver}
        for child in served.values():
            child.ask("unlock")
        time.sleep(IDLE_SECONDS)
        idle = {side: child.usage().memory for side, child in served.items()}
        warm: dict[str, float] = {}
        for first, count in ((0, WARM), (WARM, REFERRALS - WARM)):
            sender.ask("lock")
            pair.offer(pair.open_cases(count, first), at_once=MADE_AT_ONCE)
            sender.ask("release", count=count)
            time.sleep(IDLE_SECONDS)
            warm = warm or {side: child.usage().memory for side, child in served.items()}
        after = {side: child.usage().memory for side, child in served.items()}
    for side in served:
        results.add(suite, f"{side}: idle after unlock", idle[side], "MiB", IDLE_AIM)
        results.add(
            suite, f"{side}: growth over the first {WARM:,} referrals", warm[side] - idle[side], "MiB"
        )
        results.add(
            suite, f"{side}: growth over {REFERRALS:,} referrals", after[side] - idle[side], "MiB", GROWTH_AIM
        )
