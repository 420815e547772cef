"""The terms of a consent as they are stored: codes in JSON, free text apart."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from iars_node.consent.model import Recipient, Terms, Withheld
from iars_node.db import EPOCH
from iars_node.vault.identity import seconds
from iars_protocol.consent import ScopeGrant

SCHEMA = "iars-consent/1"
_TIMES = ("expires", "not_before")


def to_json(terms: Terms) -> dict[str, Any]:
    """Return everything but the free text."""
    plain = asdict(terms)
    del plain["reasons"]
    for name in _TIMES:
        plain[name] = None if plain[name] is None else seconds(plain[name])
    return {"schema": SCHEMA, **plain}


def from_json(plain: dict[str, Any], reasons: str) -> Terms:
    """Read stored terms and the free text that belongs to them."""
    content = {name: value for name, value in plain.items() if name != "schema"}
    for name in _TIMES:
        content[name] = None if content[name] is None else EPOCH + timedelta(seconds=content[name])
    return Terms(
        **{
            **content,
            "purposes": tuple(content["purposes"]),
            "feedback": tuple(content["feedback"]),
            "scopes": tuple(_scope(entry) for entry in content["scopes"]),
            "recipients": tuple(Recipient(**entry) for entry in content["recipients"]),
            "withheld": tuple(
                Withheld(entry["scope"], tuple(entry["fields"]), entry["node"])
                for entry in content["withheld"]
            ),
            "reasons": reasons,
        }
    )


def _scope(entry: dict[str, Any]) -> ScopeGrant:
    lists = {name: tuple(entry[name]) for name in ("at_offer", "only", "withheld")}
    return ScopeGrant(entry["code"], entry["step"], **lists)
