"""What an alarm says: in its own words, in those of the log, or at least which topic it is of."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node.web.languages import N_
from iars_node.web.log_words import LOG_TOPICS, LOG_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "account.opens-many": N_("Somebody opens very many cases"),
        "account.stopped-opening": N_("Somebody opened as many cases as one account may, and was stopped"),
    }
)


def alarm_words(kind: str) -> str:
    """Return the words of a kind of alarm, to be translated; many are also actions of the log."""
    topic = LOG_TOPICS.get(kind.partition(".")[0], LOG_TOPICS["alarm"])
    return _WORDS.get(kind) or LOG_WORDS.get(kind) or topic
