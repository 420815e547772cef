"""What browsers are called in the list of sessions."""

from __future__ import annotations

import pytest

from iars_node.web.browsers import words_of

CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROMIUM}", "Chrome · Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROMIUM} Edg/150.0.0.0", "Edge · Windows"),
        (
            f"Mozilla/5.0 (Linux; Android 16; SM-A155F) SamsungBrowser/29.0 {CHROMIUM}",
            "Samsung Internet · Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari · iPhone",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1", "Safari · Mac"),
        ("curl/8.10", ""),
        ("", ""),
        ("<script>alert(1)</script> Elira's phone", ""),
    ],
)
def test_a_browser_is_called_by_its_kind_and_system_and_nothing_else(sent: str, words: str) -> None:
    assert words_of(sent) == words
