"""What each side of a handover keeps and may not keep (SPEC § 7.10), to each side in its own words.

Shown to the sender before it offers, to the receiver before it accepts. The sentences are English sources;
the pages translate them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_CONTROLLER = (
    "You take over responsibility for the whole case. Your acceptance is signed.",
    "You keep what is handed over, and may share it further only as the person agrees with you.",
    "From now on you ask the person for consent and grant it to others in your own name.",
    (
        "If the person withdraws what they agreed to before the handover, what was handed over is closed "
        "at once and erased, and so is what you shared of it."
    ),
)
FORMER_CONTROLLER = (
    "They refer the person no more.",
    (
        "They keep only what is needed so that a withdrawal finds its way: numbers, names of organisations, "
        "dates and signatures, and the codes of the consents."
    ),
    (
        "They erase everything else of the case after a hold, but for what a law requires them to keep "
        "until a day."
    ),
    "When the person withdraws with them, they forward it to you.",
)

THEY_TAKE = (
    "They take over responsibility for the whole case, and sign that they do.",
    "They keep what is handed over, and may share it further only as the person agrees with them.",
    "From then on they ask the person for consent and grant it to others in their own name.",
    (
        "If the person withdraws what they agreed to before the handover, they close at once and erase what "
        "was handed over, and what they shared of it."
    ),
)
YOU_LEAVE = (
    "From their acceptance on you refer the person no more.",
    (
        "You keep only what is needed so that a withdrawal finds its way: numbers, names of organisations, "
        "dates and signatures, and the codes of the consents."
    ),
    (
        "Everything else of the case is erased here after a hold that begins when they have it, but for what "
        "a law requires you to keep until a day, and for legal holds."
    ),
    "When the person withdraws with you, your node forwards it to them.",
)


def sentences() -> Iterator[str]:
    """Yield every sentence that pages show, to be translated."""
    yield from (*NEW_CONTROLLER, *FORMER_CONTROLLER, *THEY_TAKE, *YOU_LEAVE)
