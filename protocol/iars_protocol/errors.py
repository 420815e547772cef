"""What is tampered with or malformed raises; each error has a stable code (SPEC § 11)."""

from __future__ import annotations


class ProtocolError(Exception):
    """Something from outside can't be trusted or read. Texts name positions and codes, never content."""

    code = "protocol"


class MalformedError(ProtocolError):
    """The bytes do not have the form that the specification gives them."""

    code = "malformed"


class UnsupportedVersionError(ProtocolError):
    """The version, suite or message type is not known here."""

    code = "unsupported-version"


class SignatureError(ProtocolError):
    """A signature does not verify, or its key may not sign this."""

    code = "signature"


class DecryptionError(ProtocolError):
    """The ciphertext does not open."""

    code = "decryption"


class KeyRefusedError(ProtocolError):
    """A key is weak, of low order, used under two roles, or not allowed in its place."""

    code = "key-refused"


class UnknownKeyError(ProtocolError):
    """The key that a message names is not in its owner's key history, or is no longer held."""

    code = "unknown-key"


class UnknownSenderError(ProtocolError):
    """The sender is neither pinned nor listed here."""

    code = "unknown-sender"


class WrongRecipientError(ProtocolError):
    """The message names another node as its recipient."""

    code = "wrong-recipient"


class ForkError(ProtocolError):
    """Two different statements claim one position of a key history."""

    code = "fork"


class ReplayError(ProtocolError):
    """A stream number was used twice with different bytes."""

    code = "replay"


class ExpiredError(ProtocolError):
    """The message, key or grant is past its time."""

    code = "expired"


class ClockError(ProtocolError):
    """A time lies further in the future than clocks may differ."""

    code = "clock"


class DisclosureError(ProtocolError):
    """A message holds more than its grant allows."""

    code = "outside-grant"


class TransitionError(ProtocolError):
    """The referral's state does not allow this step by this side."""

    code = "transition"


class FieldError(ProtocolError):
    """A field's value does not have the form of its kind. The text says what is accepted."""

    code = "field"


class ProofError(ProtocolError):
    """A proof of inclusion or consistency does not lead to the root that it should."""

    code = "proof"
