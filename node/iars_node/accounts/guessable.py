"""Passwords that are tried first: known words, years, runs on the keyboard, and little else."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "йцукенгшщзхъ",
    "фывапролдж",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb",
    "q1w2e3r4t5y6u7i8o9p0",
)
_SHORTEST_RUN = 3
_YEAR = re.compile(r"(?:19|20)\d\d")
_LOOKALIKES = str.maketrans("@4310$5!7€", "aaeiossite")
# With fewer signs than this beside the known parts, a password falls to a list of known parts.
_OWN_SIGNS = 6


def is_guessable(password: str) -> bool:
    """Say whether a password is made of known words, years and runs, with hardly anything beside them."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    return min(_own_signs(plain), _own_signs(plain.translate(_LOOKALIKES))) < _OWN_SIGNS


def _own_signs(text: str) -> int:
    for word in _words():
        text = text.replace(word, " ")
    text = _YEAR.sub(" ", text)
    kept = _without_runs("".join(sign for sign in text if sign.isalnum()))
    # A piece said twice is no stronger than said once.
    return len(re.sub(r"(.+?)\1+", r"\1", kept))


def _without_runs(text: str) -> str:
    kept, place = [], 0
    while place < len(text):
        length = _run_at(text, place)
        if length < _SHORTEST_RUN:
            kept.append(text[place])
            length = 1
        place += length
    return "".join(kept)


def _run_at(text: str, place: int) -> int:
    longest = 0
    for run in _both_ways():
        start = run.find(text[place])
        length = 0
        while start >= 0 and text[place : place + length + 1] == run[start : start + length + 1]:
            length += 1
            if place + length >= len(text) or start + length >= len(run):
                break
        longest = max(longest, length)
    return longest


@cache
def _both_ways() -> tuple[str, ...]:
    return tuple(way for run in _RUNS for way in (run, run[::-1]))


@cache
def _words() -> tuple[str, ...]:
    text = resources.files("iars_node.accounts").joinpath("common_words.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    # The longest first: “password” must not leave “word” behind.
    return tuple(sorted({word for line in lines for word in line.split()}, key=lambda word: -len(word)))
