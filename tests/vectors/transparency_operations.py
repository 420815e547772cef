"""What the operations of § 14 do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_protocol import bundle, checkpoint, transparency, verification
from iars_protocol.crypto import SigningKey
from tests.vectors.forms import Input, Output, history, octets

if TYPE_CHECKING:
    from collections.abc import Callable


def _hashes(given: Input, name: str) -> list[bytes]:
    return [bytes.fromhex(entry) for entry in given[name]]


def _note(given: Input, name: str = "note") -> checkpoint.Note:
    return checkpoint.read_note(given[name].encode())


def tree_root(given: Input) -> Output:
    leaves = [transparency.leaf_hash(entry) for entry in _hashes(given, "entries")]
    return {"root": transparency.tree_of(leaves).root().hex()}


def verify_inclusion(given: Input) -> Output:
    transparency.verify_inclusion(
        octets(given, "leaf"), given["index"], given["size"], _hashes(given, "proof"), octets(given, "root")
    )
    return {}


def verify_consistency(given: Input) -> Output:
    transparency.verify_consistency(
        given["old"],
        given["new"],
        octets(given, "old_root"),
        octets(given, "new_root"),
        _hashes(given, "proof"),
    )
    return {}


def sign_checkpoint(given: Input) -> Output:
    made = checkpoint.Checkpoint(given["origin"], given["size"], octets(given, "root"))
    return {"note": checkpoint.sign_checkpoint(made, SigningKey(octets(given, "seed"))).to_bytes().decode()}


def verify_checkpoint(given: Input) -> Output:
    found = checkpoint.verify_checkpoint(_note(given), history(given["log"]))
    return {"origin": found.origin, "size": found.size, "root": found.root.hex()}


def cosign(given: Input) -> Output:
    key = SigningKey(octets(given, "seed"))
    note = _note(given)
    line = checkpoint.cosign(note.checkpoint, octets(given, "node_id"), key, at=given["at"])
    return {"cosignature": line.signature.hex(), "note": note.with_signature(line).to_bytes().decode()}


def verify_cosignature(given: Input) -> Output:
    return {"at": checkpoint.verify_cosignature(_note(given), history(given["witness"]))}


def judge(given: Input) -> Output:
    held = _note(given, "held").checkpoint if given["held"] else None
    offered = _note(given, "offered").checkpoint
    return {"judgement": checkpoint.judge(held, offered, given["old"], _hashes(given, "proof"))}


def verify_bundle(given: Input) -> Output:
    def read(lines: list[str]) -> bundle.Bundle:
        return bundle.read_bundle(each.encode() for each in lines)

    found = verification.verify_bundle(read(given["lines"]), [read(other) for other in given["others"]])
    return {
        "findings": [
            {"code": each.code, "fault": each.is_fault, "first": each.first, "last": each.last}
            for each in found
        ]
    }


OPERATIONS: dict[str, Callable[[Input], Output]] = {
    "tree-root": tree_root,
    "verify-inclusion": verify_inclusion,
    "verify-consistency": verify_consistency,
    "sign-checkpoint": sign_checkpoint,
    "verify-checkpoint": verify_checkpoint,
    "cosign": cosign,
    "verify-cosignature": verify_cosignature,
    "judge": judge,
    "verify-bundle": verify_bundle,
}
