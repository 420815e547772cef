from __future__ import annotations

from typing import Any

import pytest
from tests.specimens import MISSION, SHELTER, START, message

from iars_protocol.encoding import decode, encode
from iars_protocol.errors import (
    MalformedError,
    ProtocolError,
    SignatureError,
    UnknownKeyError,
    UnsupportedVersionError,
)
from iars_protocol.receipt import (
    Receipt,
    SignedReceipt,
    read_signed_receipt,
    sign_receipt,
    verify_receipt,
)

MESSAGE = message().id
RECEIPT = Receipt(MESSAGE, MISSION.id, "applied", "ok", bytes(32), START)


@pytest.mark.parametrize(
    "receipt",
    [
        RECEIPT,
        Receipt(MESSAGE, MISSION.id, "refused", "outside-grant", bytes(32), START),
        Receipt(MESSAGE, MISSION.id, "waiting", "out-of-order", bytes(32), START, 7),
    ],
)
def test_a_receipt_comes_out_as_it_was_signed(receipt: Receipt) -> None:
    signed = read_signed_receipt(sign_receipt(receipt, MISSION.signing).to_bytes())
    assert verify_receipt(signed, MISSION.history, message=MESSAGE, at=START) == receipt


def test_a_receipt_binds_its_issuer_for_its_message_only() -> None:
    signed = sign_receipt(RECEIPT, MISSION.signing)
    with pytest.raises(SignatureError):
        verify_receipt(signed, SHELTER.history, message=MESSAGE, at=START)
    with pytest.raises(SignatureError):
        verify_receipt(signed, MISSION.history, message=bytes(32), at=START)
    with pytest.raises(UnknownKeyError):
        verify_receipt(sign_receipt(RECEIPT, MISSION.key("hop")), MISSION.history, message=MESSAGE, at=START)
    other = RECEIPT.to_bytes().replace(RECEIPT.leaf, bytes([1]) * 32)
    forged = SignedReceipt(other, signed.key_id, signed.signature)
    with pytest.raises(SignatureError):
        verify_receipt(forged, MISSION.history, message=MESSAGE, at=START)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": 2}, UnsupportedVersionError),
        ({"v": True}, UnsupportedVersionError),
        ({"outcome": "eaten"}, MalformedError),
        ({"outcome": []}, MalformedError),
        ({"missing": 1}, MalformedError),
        ({"missing": False}, MalformedError),
        ({"code": ""}, MalformedError),
        ({"code": "outside-grant"}, MalformedError),
        ({"outcome": "refused"}, MalformedError),
        ({"outcome": "waiting"}, MalformedError),
        ({"code": "Mira was here"}, MalformedError),
        ({"leaf": b""}, MalformedError),
        ({"message": bytes(31)}, MalformedError),
        ({"issuer": "x"}, MalformedError),
        ({"at": -1}, MalformedError),
        ({"more": 1}, MalformedError),
    ],
)
def test_a_receipt_of_another_form_is_refused(changes: dict[str, Any], error: type[ProtocolError]) -> None:
    body = encode({**decode(RECEIPT.to_bytes()), **changes})
    with pytest.raises(error):
        _ = SignedReceipt(body, bytes(32), bytes(64)).receipt


@pytest.mark.parametrize(
    "plain", [[], None, [b"", bytes(32)], ["", bytes(32), bytes(64)], [b"", bytes(31), bytes(64)]]
)
def test_a_signed_receipt_has_three_pieces(plain: Any) -> None:
    with pytest.raises(MalformedError):
        read_signed_receipt(encode(plain))


def test_a_receipt_is_no_message_and_no_map_is_a_receipt() -> None:
    with pytest.raises(MalformedError):
        read_signed_receipt(message().to_bytes())
    with pytest.raises(MalformedError):
        _ = SignedReceipt(encode([]), bytes(32), bytes(64)).receipt


def test_what_nobody_could_read_is_not_signed() -> None:
    with pytest.raises(MalformedError):
        sign_receipt(Receipt(MESSAGE, MISSION.id, "applied", "", bytes(32), START), MISSION.signing)
