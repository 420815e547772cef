"""The four logs: exported, verified on paper alone, and one of them altered, to be caught."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iars_admin.demo.cast import CENTRE, LOCAL_NGO
from iars_admin.demo.errors import DemoError
from iars_admin.demo.organisation import anywhere
from iars_admin.founding import write_new_file
from iars_node.audit import log_store
from iars_protocol.encoding import encode_json, from_text, to_text

if TYPE_CHECKING:
    from pathlib import Path

    from iars_admin.demo.scene import Scene

ALTERED = CENTRE.key
# As long as each other, so that nothing else of the event has to change.
SOUGHT, INSTEAD = b"consent.withdrawn", b"consent.confirmed"


def verify_logs(scene: Scene, folder: Path) -> None:
    """Export every node's log, verify all of them against each other, then alter one and verify it again."""
    scene.teller.chapter("8. The four logs")
    signed = {key: one.iars("audit", "checkpoint")["size"] for key, one in scene.organisations.items()}
    for key, size in signed.items():
        _wait_until_cosigned(scene, key, size)
    scene.teller.say(
        "Each node signs the head of its log, and those that know it cosign: from now on it can't be another."
    )
    bundles = {key: folder / f"{key.lower()}.bundle" for key in scene.organisations}
    for key, one in scene.organisations.items():
        one.iars("audit", "export", str(bundles[key]))
    for key in bundles:
        _verify(scene, bundles, key)
    _alter(scene, bundles)


def _wait_until_cosigned(scene: Scene, key: str, size: int) -> None:
    one = scene.organisations[key]

    def is_cosigned() -> bool:
        with one.look() as work:
            newest = log_store.newest_log(work.connection)
            found = log_store.cosignatures(work.connection, newest.number) if newest else []
        return any(each.size >= size for each in found)

    scene.wait_for(is_cosigned, f"nobody has cosigned the log of {one.part.said} in time")


def _verify(scene: Scene, bundles: dict[str, Path], key: str) -> None:
    others = [word for name, path in bundles.items() if name != key for word in ("--against", str(path))]
    _code, found = anywhere("audit", "verify", str(bundles[key]), *others)
    proved: int = max((one["last"] for one in found["findings"] if one["code"] == "cosigned"), default=0)
    said = scene.organisations[key].part.said
    scene.logs[key] = {"events": found["events"], "proved": proved, "sound": found["sound"]}
    scene.check(
        "log",
        holds=found["sound"] and proved > 0 and found["node"] == scene.organisations[key].node_id.hex(),
        otherwise=f"The log of {said} does not hold, or nobody has cosigned it.",
    )
    scene.teller.say(
        f"The log of {said}: {found['events']} events verified from the file alone, against the other three "
        f"organisations' files; proved up to place {proved}."
    )


def _alter(scene: Scene, bundles: dict[str, Path]) -> None:
    """Rewrite one event in a copy of a log, as somebody might who would rather not have been told."""
    altered = bundles[ALTERED].with_name("altered.bundle")
    place = rewrite(bundles[ALTERED], altered)
    said = scene.organisations[ALTERED].part.said
    scene.teller.say(
        f"In a copy of the log of {said} the withdrawal is rewritten, as if she had never asked: the event "
        f"at place {place}."
    )
    code, found = anywhere("audit", "verify", str(altered), "--against", str(bundles[LOCAL_NGO.key]))
    faults = [one for one in found["findings"] if one["outcome"] == "fault"]
    scene.caught = {
        "log": ALTERED,
        "place": place,
        "found": [{"code": one["code"], "place": one["first"]} for one in faults],
    }
    scene.check(
        "altered",
        holds=code != 0 and {"code": "changed", "place": place} in scene.caught["found"],
        otherwise=f"The altered log of {said} was not caught at place {place}.",
    )
    for one in faults:
        scene.teller.detail(f"caught: {one['said']}")


def rewrite(bundle: Path, altered: Path) -> int:
    """Write a copy of a bundle in which one event says something else; return the event's place."""
    lines = bundle.read_bytes().splitlines()
    for number, line in enumerate(lines):
        entry = json.loads(line)
        content = from_text(entry.get("content", ""))
        if SOUGHT in content:
            entry["content"] = to_text(content.replace(SOUGHT, INSTEAD))
            lines[number] = encode_json(entry)
            write_new_file(altered, b"\n".join([*lines, b""]))
            return int(entry["position"])
    raise DemoError("The log says nothing of the withdrawal.")
