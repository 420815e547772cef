"""The text that is read to a person before they are asked: short sentences, in their own language."""

from __future__ import annotations

from iars_node.web.languages import N_, SOURCE, language, translated

TEXT = (
    N_(
        "We would like to tell other organisations about you, so that they can help you. "
        "We tell them only what you agree to."
    ),
    N_("You choose which organisations, which things, and until when. You may keep any detail to yourself."),
    N_(
        "The other organisation first learns what it needs to answer. "
        "It learns the rest only if it takes you on."
    ),
    N_(
        "You can change your mind at any time and need give no reason. "
        "We then tell everyone who learned something, and they tell us whether they erased it."
    ),
    N_("If you say no, we go on helping you as well as we can ourselves."),
)


def read_out(code: str) -> tuple[str, tuple[str, ...]]:
    """Return the language in which there is a text, that of the person if possible, and the text."""
    found = language(code if code in translated() else SOURCE)
    return found.code, tuple(found.gettext(sentence) for sentence in TEXT)
