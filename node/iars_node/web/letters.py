"""The message that tells somebody that something waits: it has no content to give away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.notifications.model import Letter
from iars_node.web.languages import negotiate, offered

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.settings import Settings


def letters(settings: Settings) -> Callable[[str], Letter]:
    """Return what writes the message in a language; its link leads to the sign-in and nowhere else."""
    languages = offered(settings.languages)
    link = f"{settings.public_url or f'http://localhost:{settings.port}'}/sign-in"

    def written(code: str) -> Letter:
        language = negotiate(languages, code)
        subject = language.gettext("Something needs you")
        ending = language.gettext(
            "You asked for this message. Sign in to see what it is, or to change how you are told."
        )
        return Letter(subject, f"{subject}\n\n{link}\n\n{ending}\n", language.code)

    return written
