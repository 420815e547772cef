"""Which languages are known by their codes."""

from __future__ import annotations

import pytest

from iars_node.cases.spreadsheet.names import is_language


@pytest.mark.parametrize("code", ["sq", "en", "ro", "rom", "prs", "kmr", "zh-Hant", "sr-Latn-RS"])
def test_a_language_that_people_speak_is_known(code: str) -> None:
    assert is_language(code)


@pytest.mark.parametrize("code", ["", "xx", "Albanian", "SQ", "sq en", "und", "mul", "zxx", "xx-Latn", "q"])
def test_what_is_no_code_of_a_language_is_not(code: str) -> None:
    assert not is_language(code)
