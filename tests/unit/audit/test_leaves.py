"""The commitment to an audit event, and what may stand in one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from iars_node.audit.actions import ACTIONS, meant_by
from iars_node.audit.model import Event, check_event, leaf_hash
from iars_protocol import encoding

EVENT = Event(
    id="0" * 32,
    at=datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC),
    actor_kind="account",
    actor_id="a" * 32,
    action="case.read",
    purpose="assistance",
    case_id="c" * 32,
    scopes=("identity", "medical"),
    detail={"fields": 3},
)


def test_the_content_is_deterministic_and_holds_every_field() -> None:
    content = encoding.decode(EVENT.content())
    assert content == {
        "v": 1,
        "id": "0" * 32,
        "at": 1772442000000001,
        "actor": ["account", "a" * 32],
        "action": "case.read",
        "purpose": "assistance",
        "case": "c" * 32,
        "referral": "",
        "peer": "",
        "subject": "",
        "scopes": ["identity", "medical"],
        "detail": {"fields": 3},
    }


def test_the_leaf_is_the_merkle_leaf_over_the_salted_event() -> None:
    salt = bytes(range(32))
    commitment = hashlib.sha256(salt + EVENT.content()).digest()
    assert leaf_hash(salt, EVENT.content()) == hashlib.sha256(b"\x00" + commitment).digest()


def test_another_salt_gives_another_leaf() -> None:
    assert leaf_hash(bytes(32), EVENT.content()) != leaf_hash(b"\x01" * 32, EVENT.content())


def test_every_action_is_a_topic_and_a_word() -> None:
    odd = [action for action in ACTIONS if not re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", action)]
    assert odd == []


def test_a_prefix_finds_the_actions_of_a_topic() -> None:
    assert meant_by("clock.") == ["clock.corrected", "clock.skewed"]
    assert meant_by("case.read") == ["case.read"]
    assert meant_by("nothing") == []
    assert "exchange.gap-filled" in meant_by("exchange.g")
    assert meant_by("exchange.gap") == ["exchange.gap"]


def test_an_action_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match=r"case\.guessed"):
        check_event(replace(EVENT, action="case.guessed"))


@pytest.mark.parametrize("part", ["subject", "purpose", "scope", "detail"])
def test_free_text_is_refused_wherever_it_stands(part: str) -> None:
    text = "Ana Hoxha"
    with_text = {
        "subject": replace(EVENT, subject=text),
        "purpose": replace(EVENT, purpose=text),
        "scope": replace(EVENT, scopes=(text,)),
        "detail": replace(EVENT, detail={"name": text}),
    }
    with pytest.raises(ValueError, match="ids, codes and numbers") as caught:
        check_event(with_text[part])
    assert text not in str(caught.value)
