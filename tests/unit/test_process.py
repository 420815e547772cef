"""What a serving process settles once."""

from __future__ import annotations

import gc

from iars_node.process import settle_in


def test_what_stays_for_ever_is_not_searched_for_garbage_again() -> None:
    before = gc.get_freeze_count()
    try:
        settle_in()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
