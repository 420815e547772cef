"""Vectors of § 14: trees and their proofs, checkpoints, cosignatures, and how a witness judges."""

from __future__ import annotations

from typing import Any

from iars_protocol import keys
from iars_protocol.checkpoint import Checkpoint, Note, NoteSignature, cosign, origin_of, sign_checkpoint
from iars_protocol.encoding import encode
from iars_protocol.transparency import commitment, leaf_hash, tree_of
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, seed
from tests.vectors.cases import Group
from tests.vectors.forms import write_statements

ENTRIES = [bytes([number]) for number in range(7)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
TREE = tree_of(LEAVES)
OTHER = tree_of([*LEAVES[:4], leaf_hash(b"another"), *LEAVES[5:]])
ORIGIN = origin_of(SHELTER.id, bytes(range(16)))
FIVE = Checkpoint(ORIGIN, 5, TREE.root(5))
SEVEN = Checkpoint(ORIGIN, 7, TREE.root())
SIGNED = sign_checkpoint(SEVEN, SHELTER.key("log"))
COSIGNATURE = cosign(SEVEN, MISSION.id, MISSION.key("log"), at=START)
COSIGNED = SIGNED.with_signature(COSIGNATURE)


def trees() -> Group:
    group = Group("14.1-trees", "14.1", "tree-root")
    for size in range(len(ENTRIES) + 1):
        group.add(f"{size} leaves", entries=ENTRIES[:size])
    return group


def inclusions() -> Group:
    group = Group("14.1-inclusion", "14.1", "verify-inclusion")

    def add(name: str, expect: str = "ok", **changes: Any) -> None:
        sound: dict[str, Any] = {
            "leaf": LEAVES[4],
            "index": 4,
            "size": 7,
            "proof": TREE.inclusion(4, 7),
            "root": TREE.root(),
        }
        group.add(name, expect, **{**sound, **changes})

    add("the fifth of seven")
    add("the last of seven", leaf=LEAVES[6], index=6, proof=TREE.inclusion(6, 7))
    add("the only one", leaf=LEAVES[0], index=0, size=1, proof=[], root=TREE.root(1))
    add("another leaf", "proof", leaf=LEAVES[3])
    add("another place", "proof", index=5)
    add("another root", "proof", root=OTHER.root())
    add("a hash too few", "proof", proof=TREE.inclusion(4, 7)[:-1])
    add("a hash too many", "proof", proof=[*TREE.inclusion(4, 7), bytes(32)])
    add("outside the tree", "proof", index=7)
    add("before the tree", "proof", index=-1)
    add("in a tree of none", "proof", index=0, size=0, proof=[])
    return group


def consistencies() -> Group:
    group = Group("14.1-consistency", "14.1", "verify-consistency")

    def add(name: str, expect: str = "ok", **changes: Any) -> None:
        sound: dict[str, Any] = {
            "old": 5,
            "new": 7,
            "old_root": TREE.root(5),
            "new_root": TREE.root(7),
            "proof": TREE.consistency(5, 7),
        }
        group.add(name, expect, **{**sound, **changes})

    add("five to seven")
    add("four to seven: one complete subtree", old=4, old_root=TREE.root(4), proof=TREE.consistency(4, 7))
    power: dict[str, Any] = {
        "old": 2**52,
        "new": 2**52,
        "old_root": bytes(32),
        "new_root": bytes(32),
        "proof": [],
    }
    add("a very large tree to itself", **power)
    add("nothing to seven", old=0, old_root=TREE.root(0), proof=[])
    add("seven to seven", old=7, old_root=TREE.root(7), proof=[])
    add("a rewritten tree", "proof", new_root=OTHER.root())
    add("another beginning", "proof", old_root=OTHER.root(5))
    add("the same size with another root", "proof", old=7, old_root=OTHER.root(), proof=[])
    add("a proof where none is needed", "proof", old=7, old_root=TREE.root(7))
    add("a smaller tree", "proof", old=7, new=5)
    add("no proof", "proof", proof=[])
    add("a hash too few", "proof", proof=TREE.consistency(5, 7)[:-1])
    add("a hash too many", "proof", proof=[*TREE.consistency(5, 7), bytes(32)])
    return group


def signed() -> Group:
    group = Group("14.2-sign", "14.2", "sign-checkpoint")
    given: dict[str, Any] = {"origin": ORIGIN, "size": 7, "root": TREE.root(), "seed": seed("shelter log")}
    group.add("seven leaves", **given)
    group.add("no leaf", **{**given, "size": 0, "root": TREE.root(0)})
    group.add("an origin of another form", "malformed", **{**given, "origin": "example.com/log"})
    group.add("a size beyond all", "malformed", **{**given, "size": 2**53})
    return group


def notes() -> Group:
    group = Group("14.2-checkpoints", "14.2", "verify-checkpoint")
    revoked = SHELTER.with_statement(
        keys.REVOCATION,
        {"key_id": SHELTER.key("log").key_id, "revoked_at": START, "suspect_since": START - DAY},
        "root",
    )
    gone = {"key_id": SHELTER.key("log").key_id, "revoked_at": START + DAY, "suspect_since": START + DAY}
    later = SHELTER.with_statement(keys.REVOCATION, gone, "root")
    good = SIGNED.to_bytes().decode()
    line = SIGNED.signatures[0]
    group.add("sound", note=good, log="shelter")
    group.add("with a cosignature", note=COSIGNED.to_bytes().decode(), log="shelter")
    largest = sign_checkpoint(Checkpoint(ORIGIN, 2**53 - 1, bytes(32)), SHELTER.key("log"))
    group.add("the largest size", note=largest.to_bytes().decode(), log="shelter")
    strange = NoteSignature("example.com/other", b"1234", b"anything")
    passed = Note(SEVEN, (strange, line)).to_bytes().decode()
    group.add("a signature that is passed over", note=passed, log="shelter")
    twice = SHELTER.with_statement(
        keys.DELEGATION, {"role": "log", "key": SHELTER.key("spare").public}, "root"
    )
    group.add("by the older of two log keys", note=good, log=write_statements(twice.statements))
    forged = NoteSignature(line.name, line.key_id, bytes(64))
    for name, note in {
        "another node's history": (good, "mission"),
        "a revoked log key": (good, write_statements(revoked.statements)),
        "a log key that is revoked from a later day on": (good, write_statements(later.statements)),
        "a revoked log key, cosigned before": (
            COSIGNED.to_bytes().decode(),
            write_statements(later.statements),
        ),
        "only cosigned": (Note(SEVEN, (COSIGNATURE,)).to_bytes().decode(), "shelter"),
        "a known name and id, another signature": (Note(SEVEN, (forged,)).to_bytes().decode(), "shelter"),
        "another size": (good.replace("\n7\n", "\n6\n"), "shelter"),
        "signed by another key": (sign_checkpoint(SEVEN, STRANGER.key("log")).to_bytes().decode(), "shelter"),
    }.items():
        group.add(name, "signature", note=note[0], log=note[1])
    for name, text in {
        "no signature": good.partition("— ")[0],
        "no empty line": good.replace("\n\n", "\n"),
        "no last line end": good.removesuffix("\n"),
        "an extension line": good.replace("\n\n", "\nmore\n\n"),
        "a size with a zero before it": good.replace("\n7\n", "\n07\n"),
        "a size that is none": good.replace("\n7\n", "\nseven\n"),
        "an origin of another form": good.replace("iars/1/log/", "iars/2/log/"),
        "a root too short": good.replace(SEVEN.text.split("\n")[2], "AAAA"),
        "a root that is not base64": good.replace(SEVEN.text.split("\n")[2], "A"),
        "a signature without its padding": good.removesuffix("=\n") + "\n",
        "a signature with unused bits": good[:-3] + chr(ord(good[-3]) + 1) + "=\n",
        "a hyphen for the dash": good.replace("— ", "- "),
        "a size beyond all": good.replace("\n7\n", f"\n{2**53}\n"),
        "too many signatures": good + line.line * 64,
        "too long": good + "x" * 17_000,
    }.items():
        group.add(name, "malformed", note=text, log="shelter")
    return group


def cosigned() -> Group:
    group = Group("14.3-cosign", "14.3", "cosign")
    given: dict[str, Any] = {
        "note": SIGNED.to_bytes().decode(),
        "node_id": MISSION.id,
        "seed": seed("mission log"),
    }
    group.add("at a time", at=START, **given)
    return group


def cosignatures() -> Group:
    group = Group("14.3-cosignatures", "14.3", "verify-cosignature")

    def revoked_since(time: int) -> list[list[str]]:
        content = {"key_id": MISSION.key("log").key_id, "revoked_at": START + DAY, "suspect_since": time}
        return write_statements(MISSION.with_statement(keys.REVOCATION, content, "root").statements)

    good = COSIGNED.to_bytes().decode()
    group.add("sound", note=good, witness="mission")
    group.add("made before its key was suspect", note=good, witness=revoked_since(START + 1))
    group.add("made when its key was suspect", "signature", note=good, witness=revoked_since(START))
    group.add("another witness", "signature", note=good, witness="stranger")
    group.add("none", "signature", note=SIGNED.to_bytes().decode(), witness="mission")
    for name, changed in {
        "another time": (START + 1).to_bytes(8, "big") + COSIGNATURE.signature[8:],
        "a time beyond all": b"\xff" * 8 + COSIGNATURE.signature[8:],
        "too short": COSIGNATURE.signature[:71],
    }.items():
        line = NoteSignature(COSIGNATURE.name, COSIGNATURE.key_id, changed)
        group.add(name, "signature", note=SIGNED.with_signature(line).to_bytes().decode(), witness="mission")
    return group


def judgements() -> Group:
    group = Group("14.3-judge", "14.3", "judge")
    held = sign_checkpoint(FIVE, SHELTER.key("log")).to_bytes().decode()
    offered = SIGNED.to_bytes().decode()
    forked = sign_checkpoint(Checkpoint(ORIGIN, 7, OTHER.root()), SHELTER.key("log")).to_bytes().decode()
    proof = TREE.consistency(5, 7)
    group.add("seen for the first time", held="", offered=offered, old=0, proof=[])
    group.add("grown", held=held, offered=offered, old=5, proof=proof)
    group.add("the same again", held=offered, offered=offered, old=7, proof=[])
    group.add("proved from elsewhere", held=held, offered=offered, old=4, proof=TREE.consistency(4, 7))
    group.add("smaller", held=offered, offered=held, old=5, proof=[])
    group.add("another root of one size", held=offered, offered=forked, old=7, proof=[])
    group.add("rewritten", held=held, offered=forked, old=5, proof=proof)
    return group


def openings() -> Group:
    """Return what a log says that was opened after a restore."""
    group = Group("14.3-openings", "14.3", "read-opening")
    before = {"previous": ORIGIN, "size": 7, "root": TREE.root().hex(), "kept": 5, "gap": "known"}

    def add(name: str, expect: str = "ok", *, shown: bool = True, **changes: Any) -> None:
        event = {"v": 1, "action": "audit.origin-opened", "detail": {**before, **changes.pop("detail", {})}}
        content, salt = encode({**event, **changes}), bytes(32)
        tree = tree_of([leaf_hash(commitment(salt, content)), *LEAVES])
        head = Checkpoint(origin_of(SHELTER.id, bytes(16)), tree.size, tree.root())
        note = sign_checkpoint(head, SHELTER.key("log")).to_bytes().decode()
        opening = [salt, content] if shown else []
        group.add(name, expect, note=note, opening=opening, first=tree.inclusion(0, tree.size))

    add("with what was cosigned before")
    add("with nothing before it that was cosigned", detail={"size": 0})
    add("not shown", "proof", shown=False)
    add("another action", "proof", action="case.read")
    add("of a log of another form", "malformed", detail={"previous": "example.com/log"})
    add("of a size that is text", "malformed", detail={"size": "7"})
    other = tree_of([leaf_hash(b"first"), *LEAVES])
    head = Checkpoint(origin_of(SHELTER.id, bytes(16)), other.size, other.root())
    note = sign_checkpoint(head, SHELTER.key("log")).to_bytes().decode()
    shown = [bytes(32), encode({"action": "audit.origin-opened", "detail": before})]
    group.add("not the first leaf", "proof", note=note, opening=shown, first=other.inclusion(0, other.size))
    return group


def groups() -> list[Group]:
    """Return the vectors of § 14."""
    return [
        trees(),
        inclusions(),
        consistencies(),
        signed(),
        notes(),
        cosigned(),
        cosignatures(),
        judgements(),
        openings(),
    ]
