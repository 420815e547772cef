"""What happens to the nodes themselves: killed, cut off, put back to yesterday, given new keys."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from iars_node.exchange.announcing import announce_listing
from iars_node.vault.identity import rotate_encryption_key
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.faults.play import Script
    from tests.federation.faults.serving import Served

    from iars_admin.demo.draw import Draw

OFFLINE_SECONDS = 3.0
LOOK_SECONDS = 0.1
# How much of the referrals is offered when each of these happens, once.
KEYS, BACKUP, OFFLINE, RESTORE = 0.15, 0.3, 0.5, 0.7


class Trouble:
    """Brings trouble until the workers are done; it alone starts and ends processes."""

    def __init__(self, sides: tuple[Served, Served], script: Script, draw: Draw, *, restores: bool) -> None:
        self.kills: Counter[str] = Counter()
        self._sides = sides
        self._script = script
        self._draw = draw
        self._planned = [(KEYS, self._new_keys), (OFFLINE, self._cut_off)]
        if restores:
            self._planned += [(BACKUP, self._back_up), (RESTORE, self._restore)]
        self._planned.sort(key=lambda entry: entry[0])
        self._unlucky = draw.one(sides)
        self.is_over = False

    def run(self) -> None:
        """Bring what is planned when its time has come, and kill in between."""
        next_kill = self._after()
        while not self.is_over and time.monotonic() < self._script.until:
            if self._planned and self._script.share >= self._planned[0][0]:
                self._planned.pop(0)[1]()
            if time.monotonic() >= next_kill:
                self._kill(self._draw.one(self._sides))
                next_kill = self._after()
            time.sleep(LOOK_SECONDS)

    def _after(self) -> float:
        return time.monotonic() + 1 + self._draw.below(5000) / 1000

    def _kill(self, side: Served) -> None:
        port = self._draw.one(side.ports)
        side.kill(port)
        self.kills[side.name] += 1
        time.sleep(self._draw.below(1000) / 1000)
        side.start(port)

    def _new_keys(self) -> None:
        """Rotate a key while requests are under way, and tell the peer."""
        side = self._draw.one(self._sides)
        with side.gate, side.node.works.write(SYSTEM) as work:
            rotate_encryption_key(work.vault, work.now, force=True)
            announce_listing(work)

    def _cut_off(self) -> None:
        side = self._draw.one(self._sides)
        side.mischief.is_offline = True
        time.sleep(OFFLINE_SECONDS)
        side.mischief.is_offline = False

    def _back_up(self) -> None:
        self._unlucky.back_up()

    def _restore(self) -> None:
        self._unlucky.restore()
        self.kills[self._unlucky.name] += 1
