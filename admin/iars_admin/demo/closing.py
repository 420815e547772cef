"""After the journey: both sides' histories against each other, who knows what, and that nothing else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iars_admin.demo import knowledge
from iars_admin.demo.cast import CENTRE, LOCAL_NGO, MISSION
from iars_admin.founding import write_new_file
from iars_node.cases import service as cases
from iars_node.cases.model import OWN
from iars_node.referrals import service as referrals
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.people import Person
    from iars_admin.demo.scene import Scene, Thread
    from iars_protocol.vocabulary import Scope

EXPECTED = (("MED-SCREEN", "service", "completed"), ("ARR-RECEPTION", "handover", "completed"),
            ("FUP-PSY", "service", "completed"))  # fmt: skip


def verify_histories(scene: Scene, folder: Path) -> None:
    """Let each side verify its own evidence by `iars referral verify`, the sender against the receiver's."""
    scene.teller.chapter("5. Both sides' histories against each other")
    for thread in scene.threads:
        found = _compare(thread, folder)
        messages = sum(len(chain) for chain in found["chains"].values())
        scene.verified[thread.id] = found
        scene.check(
            "history",
            holds=not found["differences"] and len(found["receipts"]) == messages,
            otherwise=f"The two sides' histories of {thread.reference} differ.",
        )
        scene.teller.say(
            f"{thread.reference}, {thread.service}: {messages} letters in two chains, "
            f"{len(found['receipts'])} receipts, every signature verified by both sides; "
            f"{thread.sender.part.said} and {thread.receiver.part.said} hold the same history."
        )
    seen = [(thread.service, thread.kind, scene.verified[thread.id]["state"]) for thread in scene.threads]
    scene.check(
        "referrals", holds=tuple(seen) == EXPECTED, otherwise="A referral did not end as it should have."
    )


def _compare(thread: Thread, folder: Path) -> dict[str, Any]:
    theirs = folder / f"history-{thread.reference}.json"
    receiver, sender = thread.receiver, thread.sender
    command = ("referral", "verify", thread.id)
    write_new_file(theirs, json.dumps(receiver.iars(*command, account=receiver.part.worker)))
    return sender.iars(*command, "--against", str(theirs), account=sender.part.worker)


def search_for_leaks(scene: Scene, people: Sequence[Person]) -> None:
    """Search everything that each receiving node holds for what it was never to learn."""
    scene.teller.chapter("6. Nothing else is known")
    referred = scene.lived.referred if scene.lived else set()
    # What reads the same in the file of somebody whom another organisation knows is no trace of this one.
    known = frozenset(scene.lived.texts if scene.lived else ())
    others = [
        mark
        for person in people
        if not person.is_traveller and person.file_number not in referred
        for mark in _marks(person)
        if mark not in known
    ]
    for holder in (scene.organisations[part.key] for part in (MISSION, CENTRE, LOCAL_NGO)):
        held = knowledge.everything_held(holder)
        agreed = _agreed(scene, holder)
        records = [thread.record for thread in scene.threads if thread.sender is not holder]
        found = [name for record in records for name in knowledge.leaks(held, record, agreed)]
        found += ["another person"] * any(mark in held for mark in others)
        scene.leaks[holder.part.key] = found
        said = f"{holder.part.said.capitalize()} holds what it was not to learn: {', '.join(found)}."
        scene.check("leaks", holds=not found, otherwise=said)
    scene.teller.say(
        "All that the three receiving nodes hold was searched for what was withheld from them: nothing was "
        "found, and nobody else of the 140" + (" whom nobody had referred." if scene.lived else ".")
    )
    _search_disks(scene)


def _agreed(scene: Scene, holder: Organisation) -> list[str]:
    """Return the texts that a holder was let know, and those that it collected itself."""
    agreed = [text for thread in scene.threads if thread.receiver is holder for text in thread.agreed]
    with holder.work() as work:
        own = [cases.snapshot(work, found.case.id, {OWN}) for found in cases.list_cases(work).found]
    fields = [fields for record in own for fields in record.values()]
    # What others of the year agreed to is nothing of hers, also where it reads the same.
    agreed += scene.lived.texts if scene.lived else []
    return agreed + [text for one in fields for text in knowledge.texts_of(list(one.values()))]


def _search_disks(scene: Scene) -> None:
    """Search every file of every node for her names and the withheld account: sealed, they stand nowhere."""
    record = scene.threads[0].record
    texts = [str(record["identity"]["family_name"]), str(record["exploitation"]["narrative"])]
    found = [
        f"{one.part.key}: {name}"
        for one in scene.organisations.values()
        for name in knowledge.readable_on_disk(one.folder, texts)
    ]
    scene.check(
        "disk", holds=not found, otherwise=f"Her name or account stands readable in {', '.join(found)}."
    )
    scene.teller.say("Her family name and her account stand readable in no file of the four nodes.")


def _marks(person: Person) -> list[str]:
    """Return texts that are this person's alone."""
    record = person.record
    found = (record["exploitation"].get("narrative"), record["identity"].get("document_number"))
    return [str(text) for text in (*found, record["contact"].get("phone")) if text]


def tell_summary(scene: Scene) -> None:
    """Show in tables what was sent, and who knows what at the end."""
    rows = [
        (
            thread.reference,
            thread.service,
            thread.kind,
            f"{thread.sender.part.key} → {thread.receiver.part.key}",
            str(scene.verified[thread.id]["state"]),
            str(len(thread.letters)),
            f"{sum(letter.size for letter in thread.letters.values()):,}",
        )
        for thread in scene.threads
    ]
    headings = ("Referral", "Service", "Kind", "Way", "State", "Letters", "Bytes sealed")
    scene.teller.table("Referrals", headings, rows)
    keys = list(scene.organisations)
    known = {key: known_fields(scene, key) for key in keys}
    fields = [(scope.label, *(_course(scene.knew[key], known[key], scope) for key in keys))
              for scope in SCOPES.values()]  # fmt: skip
    title = "Who knows what about her, in fields of each scope; where it changed: before she withdrew → after"
    scene.teller.table(title, ("Scope", *(f"The {key}" for key in keys)), fields)
    held = sum(check.is_held for check in scene.checks)
    letters = sum(len(thread.letters) for thread in scene.threads)
    scene.teller.say(
        f"{len(keys)} nodes, {scene.counts['people']} people, {len(scene.threads)} referrals, {letters} "
        f"letters; {held} of {len(scene.checks)} checks held."
    )


def _course(before: dict[str, list[str]], after: dict[str, list[str]], scope: Scope) -> str:
    shares = [_share(known, scope.code, len(scope.fields)) for known in (before, after)]
    return " → ".join(dict.fromkeys(shares))


def _share(known: dict[str, list[str]], scope: str, most: int) -> str:
    return f"{len(known[scope])} of {most}" if known.get(scope) else "nothing"


def known_fields(scene: Scene, key: str) -> dict[str, list[str]]:
    """Return the fields that an organisation can read of the traveller's record, by scope."""
    holder = scene.organisations[key]
    thread = next(one for one in scene.threads if holder in (one.sender, one.receiver))
    with holder.work() as work:
        record = cases.read_case(work, referrals.get(work, thread.id).case_id)
    return {scope: sorted(view.fields) for scope, view in record.scopes.items() if view.fields}


def summary(scene: Scene) -> dict[str, Any]:
    """Return what a program wants to know of a run."""
    failed = [check.sentence for check in scene.checks if not check.is_held]
    return {
        "held": not failed,
        "failed": failed,
        "checks": len(scene.checks),
        **scene.counts,
        "nodes": [
            {
                "key": key,
                "name": one.part.name,
                "node": one.node_id.hex(),
                "fingerprint": one.fingerprint,
                "knew": scene.knew[key],
                "knows": known_fields(scene, key),
                "log": scene.logs[key],
                "leaks": scene.leaks.get(key, []),
            }
            for key, one in scene.organisations.items()
        ],
        "referrals": [_referral(scene, thread) for thread in scene.threads],
        "altered": scene.caught,
        "seconds": round(scene.teller.seconds, 1),
    }


def _referral(scene: Scene, thread: Thread) -> dict[str, Any]:
    found = scene.verified[thread.id]
    return {
        "reference": thread.reference,
        "service": thread.service,
        "kind": thread.kind,
        "sender": thread.sender.part.key,
        "receiver": thread.receiver.part.key,
        "state": found["state"],
        "differences": found["differences"],
        "erased": scene.erasures.get(thread.id, []),
        "messages": sum(len(chain) for chain in found["chains"].values()),
        "receipts": len(found["receipts"]),
        "letters": [
            {"kind": letter.kind, "author": letter.author, "bytes": letter.size, "issuer": letter.issuer,
             "outcome": letter.outcome}
            for letter in thread.letters.values()
        ],
    }  # fmt: skip
