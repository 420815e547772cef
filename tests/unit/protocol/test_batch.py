from __future__ import annotations

import pytest

from iars_protocol.batch import Answer, read_answers, read_batch, write_answers, write_batch
from iars_protocol.encoding import encode
from iars_protocol.errors import MalformedError

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    "lengths", [[0], [1, 23, 24, 255, 256], [65_535, 65_536], [MEBIBYTE], [5] * 23, [5] * 24, [5] * 100]
)
def test_a_batch_comes_out_as_it_went_in(lengths: list[int]) -> None:
    envelopes = [bytes(length) for length in lengths]
    assert read_batch(write_batch(envelopes)) == envelopes


@pytest.mark.parametrize(
    "body",
    [
        b"",
        encode([]),
        encode([b"x"] * 101),
        encode([bytes(MEBIBYTE + 1)]),
        encode([b"x", "x"]),
        encode({"a": b"x"}),
        encode([[b"x"]]),
        encode([b"x"]) + b"\x00",
        encode([b"xy"])[:-1],
        b"\x81\x58\x01x",
        b"\x98\x01\x41x",
        b"\x81\x59\x00\x18" + bytes(24),
        b"\x81\x5a\x00\x00\x01\x00" + bytes(256),
        b"\x81\x5b\x00\x00\x00\x00\x00\x00\x00\x01x",
        b"\x9f\x41x\xff",
        b"\x81\x5f\x41x\xff",
        b"\x81",
        b"\x81\x58",
        b"\x81\x5d",
        bytes(16 * MEBIBYTE + 1),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_batch(body)


def test_what_nobody_could_read_is_not_sent() -> None:
    with pytest.raises(MalformedError):
        write_batch([bytes(MEBIBYTE)] * 17)


def test_answers_come_out_as_they_went_in() -> None:
    answers = [Answer(b"sealed"), Answer(error="refused"), Answer(error="locked")]
    assert read_answers(write_answers(answers), 3) == answers


@pytest.mark.parametrize(
    "entries",
    [
        {},
        [],
        [{"error": "refused"}] * 2,
        [{}],
        [{"error": "because Mira"}],
        [{"error": 1}],
        [{"receipt": "x"}],
        [{"receipt": b""}],
        [{"receipt": b"x", "error": "refused"}],
        [{"other": 1}],
        [1],
    ],
)
def test_an_answer_of_another_form_is_refused(entries: object) -> None:
    with pytest.raises(MalformedError):
        read_answers(encode(entries), 1)  # type: ignore[arg-type]
