from __future__ import annotations

import re

import pytest

from iars_node.web.assets import assets

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", assets()["tokens.css"].content.decode()
    )
}
TEXT = [
    ("ink", "paper"),
    ("ink", "sheet"),
    ("ink", "well"),
    ("ink-soft", "paper"),
    ("ink-soft", "sheet"),
    ("ink-soft", "well"),
    ("accent", "paper"),
    ("accent", "sheet"),
    ("accent", "accent-wash"),
    ("accent-strong", "well"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("late", "sheet"),
    ("late", "paper"),
    ("late", "late-wash"),
    ("wait", "wait-wash"),
    ("ink-soft", "wait-wash"),
    ("ink-soft", "late-wash"),
    ("done", "done-wash"),
    ("kept", "kept-wash"),
]
CONTROLS = [("edge", "paper"), ("edge", "sheet"), ("accent", "sheet"), ("focus", "paper"), ("focus", "sheet")]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("front", "back"), TEXT)
def test_text_is_read_easily_in_light_and_in_dark(front: str, back: str) -> None:
    for scheme in (0, 1):
        assert contrast(TOKENS[front][scheme], TOKENS[back][scheme]) >= 4.5


@pytest.mark.parametrize(("front", "back"), CONTROLS)
def test_controls_are_seen_in_light_and_in_dark(front: str, back: str) -> None:
    for scheme in (0, 1):
        assert contrast(TOKENS[front][scheme], TOKENS[back][scheme]) >= 3
