from __future__ import annotations

from iars_node.exchange.uploads import FIRST_PIECE, LARGEST_PIECE, SMALLEST_PIECE, Pace


def test_pieces_grow_on_a_good_line_up_to_the_largest() -> None:
    pace = Pace()
    for _ in range(10):
        pace.note(0.1)
    assert (pace.length, pace.pieces) == (LARGEST_PIECE, 10)


def test_pieces_shrink_on_a_poor_line_down_to_the_smallest() -> None:
    pace = Pace()
    for _ in range(10):
        pace.note(20)
    assert pace.length == SMALLEST_PIECE


def test_a_line_that_is_neither_keeps_its_pieces() -> None:
    pace = Pace()
    pace.note(5)
    assert pace.length == FIRST_PIECE
