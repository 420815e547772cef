"""The frame around every page keeps its names to itself."""

from __future__ import annotations

import pytest

from iars_node.web.frame import framed


def test_a_page_stands_within_its_frame() -> None:
    assert framed({"here": "/cases"}, {"cases": 3}) == {"here": "/cases", "cases": 3}


def test_a_page_that_takes_a_name_of_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="unanswered"):
        framed({"unanswered": 1}, {"unanswered": ["whatever the page holds"]})


def test_a_form_that_is_shown_again_keeps_its_own_token() -> None:
    assert framed({"csrf": "new"}, {"csrf": "its own"}) == {"csrf": "its own"}
