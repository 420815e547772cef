"""Vectors of § 12.2: hop authentication."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from iars_protocol.batch import write_batch
from iars_protocol.encoding import to_text
from tests.specimens import MISSION, SHELTER, START, STRANGER
from tests.vectors.cases import Group

if TYPE_CHECKING:
    from iars_protocol.crypto import SigningKey

HOP: SigningKey = SHELTER.key("hop")
ENVELOPES = "/iars/v1/envelopes"
PIECE = {"method": "PATCH", "path": "/iars/v1/attachments/" + "0d" * 32, "body": b"piece"}
NONCE = to_text(bytes(range(16)))


def request(
    changes: dict[str, Any] | None = None, *, key: SigningKey = HOP, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a request with its signature, built by hand as § 12.2 says."""
    given = {
        "method": "POST",
        "path": ENVELOPES,
        "body": write_batch([b"envelope"]),
        "recipient": MISSION.id,
        "created": START,
        "expires": START + 300,
        "tag": "iars-hop",
        "nonce": NONCE,
        "covered": ["@method", "@path", "content-digest", "iars-recipient", *also],
        **(changes or {}),
    }
    digest = "sha-256=:" + base64.b64encode(hashlib.sha256(given["body"]).digest()).decode() + ":"
    headers = {"content-digest": digest, "iars-recipient": given["recipient"].hex()}
    if given["path"] != ENVELOPES:
        headers["upload-offset"] = "0"
    values = {**headers, "@method": given["method"], "@path": given["path"]}
    names = " ".join(f'"{name}"' for name in given["covered"])
    params = (
        f'({names});created={given["created"]};expires={given["expires"]};nonce="{given["nonce"]}";'
        f'keyid="{key.key_id.hex()}";tag="{given["tag"]}"'
    )
    lines = [f'"{name}": {values[name]}' for name in given["covered"]]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    signature = base64.b64encode(key.sign_bytes(base.encode())).decode()
    headers |= {"signature-input": f"iars={params}", "signature": f"iars=:{signature}:"}
    kept = {name: given[name] for name in ("method", "path", "body", "recipient")}
    return {
        **kept,
        "headers": headers,
        "base": base,
        "public": HOP.public,
        "at": START + 10,
        "also": list(also),
    }


def hops() -> Group:
    group = Group("12.2-hop", "12.2", "authenticate-hop")
    group.add("a batch", **request())
    group.add("a piece of an attachment", **request(PIECE, also=("upload-offset",)))
    group.add("a longer nonce", **request({"nonce": to_text(bytes(range(32)))}))
    sound = request()
    group.add("the last second after it was made", **{**sound, "at": START + 300})
    group.add("made five minutes ahead", **{**sound, "at": START - 300})
    group.add("too old", "clock", **{**sound, "at": START + 301})
    group.add("from the future", "clock", **{**sound, "at": START - 301})
    shorter = request({"expires": START + 20})
    group.add("over before five minutes", "clock", **{**shorter, "at": START + 21})
    for name, changed in {
        "another body": {**sound, "body": b"other"},
        "another path": {**sound, "path": "/iars/v1/other"},
        "another method": {**sound, "method": "PUT"},
        "for another node": {**sound, "recipient": STRANGER.id},
        "another key": {**sound, "public": STRANGER.key("hop").public},
        "valid for too long": request({"expires": START + 301}),
        "another tag": request({"tag": "other"}),
        "a nonce of fifteen bytes": request({"nonce": to_text(bytes(15))}),
        "a nonce with unused bits": request({"nonce": NONCE[:-1] + "x"}),
        "a nonce that is not base64": request({"nonce": NONCE[:-1] + "."}),
        "the recipient not covered": request({"covered": ["@method", "@path", "content-digest"]}),
        "the offset not covered": {**request(PIECE), "also": ["upload-offset"]},
    }.items():
        group.add(name, "signature", **changed)
    return group


def groups() -> list[Group]:
    """Return every group of this section."""
    return [hops()]
