"""Only protocol errors come out of what reads bytes from outside; the fuzzer runs the same for longer."""

from __future__ import annotations

from random import Random  # noqa: TID251 - inputs that a seed can repeat, no secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.__main__ import feed
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import ENVELOPE, MESSAGE, TARGETS
from tests.specimens import MISSION, SHELTER, START

from iars_protocol.envelope import open_envelope, read_message, read_outer, verify_message
from iars_protocol.errors import ProtocolError

OTHERS = [sound for target in TARGETS.values() for sound in target.sound]


@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_read(name: str) -> None:
    if name in ("statement", "ciphertext"):
        return
    for sound in TARGETS[name].sound:
        TARGETS[name].read(sound)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40)
@given(garbage=st.binary(max_size=300))
def test_garbage_raises_protocol_errors_only(name: str, garbage: bytes) -> None:
    feed(TARGETS[name], garbage)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60)
@given(choice=st.integers(0, 2**64))
def test_mutated_inputs_raise_protocol_errors_only(name: str, choice: int) -> None:
    chance = Random(choice)  # noqa: S311 - a repeatable choice of inputs, no secret
    feed(TARGETS[name], mutate(chance.choice(TARGETS[name].sound), chance, OTHERS))


@settings(max_examples=300)
@given(where=st.integers(0, 8 * len(ENVELOPE) - 1))
def test_a_bit_flipped_anywhere_in_an_envelope_opens_to_nothing(where: int) -> None:
    changed = bytearray(ENVELOPE)
    changed[where // 8] ^= 1 << where % 8
    with pytest.raises(ProtocolError):
        open_envelope(read_outer(bytes(changed)), MISSION.id, MISSION.encryption)


INNER = MESSAGE.to_bytes()


@settings(max_examples=300)
@given(where=st.integers(0, 8 * len(INNER) - 1))
def test_a_bit_flipped_anywhere_in_a_message_verifies_as_nothing(where: int) -> None:
    changed = bytearray(INNER)
    changed[where // 8] ^= 1 << where % 8
    with pytest.raises(ProtocolError):
        verify_message(read_message(bytes(changed)), SHELTER.history, at=START)
