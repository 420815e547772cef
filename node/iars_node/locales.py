"""How a language writes days and numbers, on pages and on papers alike."""

from __future__ import annotations

from babel import Locale

# English without a country would mean the dates and hours of one country that few of our readers are in.
_CUSTOMS = {"en": "en_GB"}


def locale_of(code: str) -> Locale:
    """Return the customs of a language."""
    return Locale.parse(_CUSTOMS.get(code, code))
