"""Vectors of § 14: trees and their proofs, checkpoints, cosignatures, and how a witness judges."""

from __future__ import annotations

from typing import Any

from iars_protocol import bundle, keys
from iars_protocol.checkpoint import Checkpoint, Note, NoteSignature, cosign, origin_of, sign_checkpoint
from iars_protocol.transparency import commitment, leaf_hash, tree_of
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, Node, seed
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
    good = SIGNED.to_bytes().decode()
    line = SIGNED.signatures[0]
    group.add("sound", note=good, log="shelter")
    group.add("with a cosignature", note=COSIGNED.to_bytes().decode(), log="shelter")
    forged = NoteSignature(line.name, line.key_id, bytes(64))
    for name, note in {
        "another node's history": (good, "mission"),
        "a revoked log key": (good, write_statements(revoked.statements)),
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


def bundled(*, event: bytes = b"event", shown: int = 3) -> list[str]:
    """Return a bundle of three events, of which a witness has cosigned the first two."""
    salts = [bytes([number]) * 32 for number in range(3)]
    contents = [b"first", b"second", b"event"]
    leaves = [leaf_hash(commitment(*pair)) for pair in zip(salts, contents, strict=True)]
    tree = tree_of(leaves)
    two = Checkpoint(ORIGIN, 2, tree.root(2))
    first = sign_checkpoint(two, SHELTER.key("log")).with_signature(
        cosign(two, MISSION.id, MISSION.key("log"), at=START)
    )
    second = sign_checkpoint(Checkpoint(ORIGIN, 3, tree.root()), SHELTER.key("log"))
    contents[2] = event
    lines = [
        bundle.line("bundle", version=1, node=SHELTER.text, at=START, whole=True),
        *statements(SHELTER),
        *statements(MISSION),
        bundle.line("origin", origin=ORIGIN),
        bundle.line("checkpoint", note=first.to_bytes().decode(), proof=[]),
        bundle.line("checkpoint", note=second.to_bytes().decode(), proof=tree.consistency(2, 3)),
    ]
    lines += [
        bundle.line("leaf", position=at, leaf=leaves[at], salt=salts[at], content=contents[at])
        for at in range(shown)
    ]
    return [each.decode() for each in lines]


def statements(node: Node) -> list[bytes]:
    return [
        bundle.line("statement", node=node.text, body=each.body, signature=each.signature)
        for each in node.statements
    ]


def holding() -> list[str]:
    """Return the bundle of a witness that has cosigned a larger tree."""
    lines = [
        bundle.line("bundle", version=1, node=MISSION.text, at=START, whole=True),
        *statements(MISSION),
        bundle.line("held", note=SIGNED.to_bytes().decode()),
    ]
    return [each.decode() for each in lines]


def bundles() -> Group:
    group = Group("14.4-bundles", "14.4", "verify-bundle")
    group.add("sound", lines=bundled(), others=[])
    group.add("a changed event", lines=bundled(event=b"another"), others=[])
    group.add("its end cut off", lines=bundled(shown=1), others=[])
    group.add("a witness holds a larger head", lines=bundled(), others=[holding()])
    group.add("no history", "malformed", lines=bundled()[:1], others=[])
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
        bundles(),
    ]
