"""What a browser is called in the list of one's sessions: its kind and its system, no more is kept."""

from __future__ import annotations

# In this order: most browsers also name the ones that they want to be taken for.
_KINDS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "Linux": "Linux",
}


def words_of(user_agent: str) -> str:
    """Return a browser's kind and system in names that every language uses."""
    found = [
        next((name for mark, name in names.items() if mark in user_agent), "") for names in (_KINDS, _SYSTEMS)
    ]
    return " · ".join(name for name in found if name)
