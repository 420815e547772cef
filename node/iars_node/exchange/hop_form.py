"""The hop signature in the one form that this program writes (RFC 9421 § 2.5 and § 4, RFC 9530).

A general library builds and parses structured fields piece by piece, which takes longer than all the
cryptography of a request. This form is fixed to the letter, so the signature base follows from it as text.
Whoever writes another form that the specification allows is read by the library: `hop` decides.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LABEL = "iars"
DIGEST = "content-digest"
INPUT = "signature-input"
SIGNATURE = "signature"

_INPUT = re.compile(
    LABEL + r'=(\((?P<names>"[a-z@-]+"(?: "[a-z@-]+")*)\)'
    r";created=(?P<created>0|[1-9]\d{0,11});expires=(?P<expires>0|[1-9]\d{0,11})"
    r';nonce="(?P<nonce>[A-Za-z0-9_-]{22,86})";keyid="(?P<key_id>[0-9a-f]{64})";tag="(?P<tag>[a-z-]+)")'
)
_DIGEST = re.compile("sha-256=:[A-Za-z0-9+/]{43}=:")
_SIGNATURE = re.compile(LABEL + "=:([A-Za-z0-9+/]{86}==):")
# What stands in a signed header: visible characters, so that nothing in it can look like another line.
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class Form:
    """A signature that was read: what it covers is in `base`; nothing of it is verified yet."""

    base: bytes
    nonce: str
    created: int
    expires: int
    key_id: bytes
    signature: bytes


def digest(body: bytes) -> str:
    """Return the `Content-Digest` of a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def write(  # noqa: PLR0913 - a signature has these pieces, all by name
    components: Mapping[str, str],
    *,
    created: int,
    expires: int,
    key_id: bytes,
    tag: str,
    sign: Callable[[bytes], bytes],
) -> dict[str, str]:
    """Sign components, in their order; return the two headers that say so."""
    names = " ".join(f'"{name}"' for name in components)
    parameters = (
        f"({names});created={created};expires={expires}"
        f';nonce="{secrets.token_urlsafe(16)}";keyid="{key_id.hex()}";tag="{tag}"'
    )
    signature = base64.b64encode(sign(_base(components, parameters))).decode()
    return {"Signature-Input": f"{LABEL}={parameters}", "Signature": f"{LABEL}=:{signature}:"}


def read(headers: Mapping[str, str], components: Mapping[str, str], tag: str) -> Form | None:
    """Read a signature that covers exactly these components in this order; None where it has another form.

    `components` holds the values of the derived ones; an empty value is taken from the header of that name.
    """
    said = _INPUT.fullmatch(headers.get(INPUT, ""))
    signed = _SIGNATURE.fullmatch(headers.get(SIGNATURE, ""))
    if said is None or signed is None or said["tag"] != tag:
        return None
    if said["names"] != " ".join(f'"{name}"' for name in components):
        return None
    if _DIGEST.fullmatch(headers.get(DIGEST, "")) is None:
        return None
    values = {name: value or headers.get(name, "") for name, value in components.items()}
    if not all(map(_VALUE.fullmatch, values.values())):
        return None
    return Form(
        _base(values, said[1]),
        said["nonce"],
        int(said["created"]),
        int(said["expires"]),
        bytes.fromhex(said["key_id"]),
        base64.b64decode(signed[1]),
    )


def _base(components: Mapping[str, str], parameters: str) -> bytes:
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")
