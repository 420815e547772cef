"""Vectors of § 14.4: what an auditor finds in a bundle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from iars_protocol import bundle
from iars_protocol.checkpoint import Checkpoint, NoteSignature, cosign, origin_of, sign_checkpoint
from iars_protocol.encoding import encode
from iars_protocol.keys import REVOCATION
from iars_protocol.receipt import Receipt, sign_receipt
from iars_protocol.transparency import commitment, leaf_hash, tree_of
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, Node
from tests.vectors.cases import Group

ORIGIN = origin_of(SHELTER.id, bytes(range(16)))
NEXT = origin_of(SHELTER.id, bytes(16))
SALTS = [bytes([number]) * 32 for number in range(3)]
EVENTS = [b"first", b"second", b"event"]
LEAVES = [leaf_hash(commitment(salt, event)) for salt, event in zip(SALTS, EVENTS, strict=True)]
TREE = tree_of(LEAVES)
OTHER = tree_of([*LEAVES[:2], leaf_hash(b"other")])
AT = START + 100


def statements(node: Node) -> list[bytes]:
    return [
        bundle.line("statement", node=node.text, body=each.body, signature=each.signature)
        for each in node.statements
    ]


def note(size: int, *witnesses: Node, root: bytes = b"", by: Node = SHELTER, origin: str = ORIGIN) -> str:
    head = Checkpoint(origin, size, root or TREE.root(size))
    made = sign_checkpoint(head, by.key("log"))
    for each in witnesses:
        made = made.with_signature(cosign(head, each.id, each.key("log"), at=START))
    return made.to_bytes().decode()


def leaf(at: int, **changes: Any) -> bytes:
    shown = {"leaf": LEAVES[at], "salt": SALTS[at], "content": EVENTS[at], **changes}
    return bundle.line(
        "leaf", position=at, **{name: value for name, value in shown.items() if value is not None}
    )


def written(lines: list[bytes]) -> list[str]:
    return [each.decode() for each in lines]


def begun(node: Node = SHELTER, *, whole: bool = True) -> bytes:
    return bundle.line("bundle", version=1, node=node.text, at=AT, whole=whole)


def bundled(*more: bytes, notes: tuple[str, str] | None = None, **leaves: bytes | None) -> list[str]:
    """Return a bundle of three events, the first two of them cosigned; `None` leaves one out."""
    first, second = notes or (note(2, MISSION), note(3))
    known = {"first": leaf(0), "second": leaf(1), "third": leaf(2), **leaves}
    lines = [
        begun(),
        *statements(SHELTER),
        *statements(MISSION),
        *more,
        bundle.line("origin", origin=ORIGIN),
        bundle.line("checkpoint", note=first, proof=[]),
        bundle.line("checkpoint", note=second, proof=TREE.consistency(2, 3)),
        *(each for each in known.values() if each is not None),
    ]
    return written(lines)


def narrowed(proof: list[bytes] | None = None, consistency: list[bytes] | None = None) -> list[str]:
    """Return a bundle of one event with its proof."""
    lines = [
        begun(whole=False),
        *statements(SHELTER),
        *statements(MISSION),
        bundle.line("origin", origin=ORIGIN),
        bundle.line("checkpoint", note=note(2, MISSION)),
        bundle.line("checkpoint", note=note(3), proof=consistency or TREE.consistency(2, 3)),
        leaf(1, proof=proof or TREE.inclusion(1, 3)),
    ]
    return written(lines)


def reopened() -> list[str]:
    """Return the bundle of a node that was restored: its log ends early, and the next one says so."""
    told = {"previous": ORIGIN, "size": 3, "root": TREE.root().hex(), "kept": 2, "gap": "known"}
    event = encode({"v": 1, "at": AT * 1_000_000, "action": "audit.origin-opened", "detail": told})
    opened = leaf_hash(commitment(bytes(32), event))
    head = tree_of([opened]).root()
    lines = [
        bundle.line("origin", origin=NEXT),
        bundle.line("checkpoint", note=note(1, MISSION, root=head, origin=NEXT), proof=[]),
        bundle.line("leaf", position=0, leaf=opened, salt=bytes(32), content=event),
    ]
    before = bundled(third=None, notes=(note(1), note(2, MISSION)))
    return [*before, *written(lines)]


def receipt(of: bytes, *, by: Node = SHELTER, at: int = START) -> bytes:
    made = Receipt(bytes(32), SHELTER.id, "applied", "ok", of, at)
    return bundle.line("receipt", receipt=sign_receipt(made, by.signing).to_bytes())


def holding(*lines: bytes) -> list[str]:
    """Return the bundle of a peer and witness."""
    return written([begun(MISSION), *statements(MISSION), *lines])


def held(text: str) -> list[str]:
    return holding(bundle.line("held", note=text))


def bundles() -> Group:
    group = Group("14.4-bundles", "14.4", "verify-bundle")

    def add(name: str, lines: list[str], *others: list[str], expect: str = "ok") -> None:
        group.add(name, expect, lines=lines, others=list(others))

    add("sound", bundled())
    add("one event with its proof", narrowed())
    add("a changed event", bundled(third=leaf(2, content=b"another")))
    add("an event that is not shown", bundled(third=leaf(2, salt=None, content=None)))
    add("its end cut off", bundled(second=None, third=None))
    exchanged = leaf(2, leaf=leaf_hash(commitment(SALTS[2], b"another")), content=b"another")
    add("a leaf exchanged with its event", bundled(third=exchanged))
    add("a proof that leads elsewhere", narrowed(proof=[bytes(32), bytes(32)]))
    add("heads that no proof connects", narrowed(consistency=[bytes(32)]))
    add("a checkpoint by another key", bundled(notes=(note(2, MISSION), note(3, by=STRANGER))))
    forged = Checkpoint(ORIGIN, 2, TREE.root(2))
    line = cosign(forged, MISSION.id, MISSION.key("log"), at=START)
    false = NoteSignature(line.name, line.key_id, bytes(72))
    miscosigned = sign_checkpoint(forged, SHELTER.key("log")).with_signature(false).to_bytes().decode()
    add("a cosignature that does not verify", bundled(notes=(miscosigned, note(3))))
    add("never cosigned", bundled(notes=(note(2), note(3))))
    revoked = {"key_id": SHELTER.key("log").key_id, "revoked_at": START + DAY, "suspect_since": START + 1}
    later = SHELTER.with_statement(REVOCATION, revoked, "root")
    add("its log key is revoked since", bundled(statements(later)[-1]))
    add("restored, and it says so", reopened())
    return group


def compared() -> Group:
    group = Group("14.4-compared", "14.4", "verify-bundle")

    def add(name: str, lines: list[str], *others: list[str]) -> None:
        group.add(name, "ok", lines=lines, others=list(others))

    add("a witness holds what is there", bundled(), held(note(2)))
    add("a witness holds a larger head", bundled(third=None, notes=(note(1), note(2))), held(note(3)))
    add("a witness holds another root", bundled(), held(note(3, root=OTHER.root())))
    add("a witness holds a head of a log that is not there", bundled(), held(note(1, origin=NEXT)))
    add("a witness holds a head that the node did not sign", bundled(), held(note(3, by=STRANGER)))
    add("a witness holds what was lost in a restore", reopened(), held(note(3)))
    add("a receipt for what is there", bundled(receipt(LEAVES[1])), holding(receipt(LEAVES[2])))
    add("a receipt for what is not there", bundled(), holding(receipt(bytes(32))))
    add("a receipt of which the leaf may be on its way", bundled(), holding(receipt(bytes(32), at=AT - 10)))
    add("a receipt from before a restore", reopened(), holding(receipt(bytes(32))))
    add("a receipt by another key", bundled(), holding(receipt(LEAVES[1], by=STRANGER)))
    return group


def forms() -> Group:
    group = Group("14.4-forms", "14.4", "verify-bundle")

    def add(name: str, lines: list[str], expect: str = "malformed") -> None:
        group.add(name, expect, lines=lines, others=[])

    sound = bundled()
    add("a line without its end", [each.removesuffix("\n") for each in sound], "ok")
    add("no history", sound[:1])
    add("nothing", [])
    add("it does not say what it is", sound[1:])
    add("it begins twice", [*sound, sound[0]])
    add("a line of another kind", [*sound, '{"line":"poem"}\n'])
    add("a line of no kind", [*sound, "{}\n"])
    add("an entry too many", [*sound, '{"line":"origin","more":1,"origin":"x"}\n'])
    add("a leaf out of its order", sound[:-2] + sound[:-3:-1])
    add("an event without its salt", bundled(third=leaf(2, salt=None)))
    add("an origin of another node", [*sound, bundle.line("origin", origin=other_origin()).decode()])
    add("an origin twice", [*sound, bundle.line("origin", origin=ORIGIN).decode()])
    add("a checkpoint of another log", bundled(notes=(note(2), note(3, origin=NEXT))))
    add("a leaf before any origin", [*sound[:13], leaf(0).decode()])
    add("a history under another node's id", [sound[0].replace(SHELTER.text, MISSION.text), *renamed(sound)])
    add("version 2", [sound[0].replace('"version":1', '"version":2'), *sound[1:]], "unsupported-version")
    unsigned = replace(SHELTER.statements[-1], signature=bytes(64))
    faulty = replace(SHELTER, statements=(*SHELTER.statements[:-1], unsigned))
    add("a statement that is not signed", written([begun(), *statements(faulty)]), "signature")
    return group


def other_origin() -> str:
    return origin_of(MISSION.id, bytes(16))


def renamed(lines: list[str]) -> list[str]:
    return [each.replace(SHELTER.text, MISSION.text) for each in lines[1:7]]


def groups() -> list[Group]:
    """Return every group of this section."""
    return [bundles(), compared(), forms()]
