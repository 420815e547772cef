"""Icons: strokes of one own sprite, always beside a word that says the same."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

from iars_node.web.assets import address_of


@cache
def icon(name: str) -> Markup:
    """Return an icon that a screen reader passes over."""
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        address_of("icons.svg"), name
    )
