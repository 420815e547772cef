"""The terms of a consent as they are stored: codes in JSON, free text apart.

Two forms exist. `iars-consent/1` sealed the person's reasons alone, as plain text; `iars-consent/2` seals
several texts, as JSON, and knows how the consent was obtained in more detail. Both are read.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from iars_node.consent.model import WORDS, Notice, Recipient, Terms, Withheld
from iars_node.db import EPOCH
from iars_node.vault.identity import seconds
from iars_protocol.consent import ScopeGrant

FIRST_SCHEMA = "iars-consent/1"
SCHEMA = "iars-consent/2"
_TIMES = ("expires", "not_before")


def to_json(terms: Terms) -> dict[str, Any]:
    """Return everything but the free text."""
    plain = {name: value for name, value in asdict(terms).items() if name not in WORDS}
    for name in _TIMES:
        plain[name] = None if plain[name] is None else seconds(plain[name])
    return {"schema": SCHEMA, **plain}


def words_of(terms: Terms) -> bytes:
    """Return the free text, to be sealed."""
    said = {name: getattr(terms, name) for name in WORDS if getattr(terms, name)}
    return json.dumps(said, ensure_ascii=False).encode()


def from_json(plain: dict[str, Any], words: bytes | None) -> Terms:
    """Read stored terms and the free text that belongs to them.

    Erased free text reads as none: the codes beside it stay as the tombstone of what was agreed.
    """
    content = {name: value for name, value in plain.items() if name != "schema"}
    for name in _TIMES:
        content[name] = None if content[name] is None else EPOCH + timedelta(seconds=content[name])
    for name in ("purposes", "feedback", "evidence", "withdrawal_ways"):
        if name in content:
            content[name] = tuple(content[name])
    if content.get("notice"):
        content["notice"] = Notice(**content["notice"])
    return Terms(
        **{
            **content,
            "scopes": tuple(_scope(entry) for entry in content["scopes"]),
            "recipients": tuple(Recipient(**entry) for entry in content["recipients"]),
            "withheld": tuple(
                Withheld(entry["scope"], tuple(entry["fields"]), entry["node"])
                for entry in content["withheld"]
            ),
            **_words(plain["schema"], words),
        }
    )


def _words(schema: str, words: bytes | None) -> dict[str, str]:
    if words is None:
        return {}
    if schema == FIRST_SCHEMA:
        return {"reasons": words.decode()}
    said: dict[str, str] = json.loads(words)
    return said


def _scope(entry: dict[str, Any]) -> ScopeGrant:
    lists = {name: tuple(entry[name]) for name in ("at_offer", "only", "withheld")}
    return ScopeGrant(entry["code"], entry["step"], **lists)
