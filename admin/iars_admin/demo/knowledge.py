"""Who knows what: read from each node through its services, and held against what was agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from iars_node.cases import service as cases
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from iars_admin.demo.organisation import Organisation
    from iars_node.cases.model import CaseRecord
    from iars_node.referrals.model import Line
    from iars_node.referrals.service.reading import Entry

Content: TypeAlias = "dict[str, dict[str, object]]"

TEXTS = "texts"
PAGE = 100
# Of what is written in free words it can be told where it came from; a code such as "medium" is everywhere.
_TELLING = frozenset({"text", "long-text", "words", "phone", "email", "date", "attachment"})
_SHORTEST = 5
_BLOCK = 1 << 20

REASONS = {
    "withheld": "kept back at the person's wish",
    "not-agreed": "not part of what the person agreed to",
}


def told(organisation: Organisation, referral_id: str) -> Content:
    """Return what the other side of a referral has told an organisation so far: scope, field, value."""
    with organisation.work() as work:
        shown = referrals.received_content(work, referral_id)
    found: Content = {}
    for scope, part in shown.items():
        sentences = {TEXTS: list(part.texts)} if part.texts else {}
        found[scope] = {**part.fields, **sentences}
    return found


def fresh(before: Mapping[str, Mapping[str, object]], now: Content) -> Content:
    """Return what is new since an earlier look."""
    found: Content = {}
    for scope, content in now.items():
        known = before.get(scope, {})
        if changed := {name: value for name, value in content.items() if known.get(name) != value}:
            found[scope] = changed
    return found


def named(content: Mapping[str, Iterable[str]]) -> list[str]:
    """Name scopes with their fields as a person reads them, never their values."""
    lines = []
    for scope in SCOPES:
        if names := list(content.get(scope, ())):
            order = [*SCOPES[scope].fields, TEXTS]
            labels = [_label(scope, name) for name in sorted(names, key=order.index)]
            lines.append(f"{SCOPES[scope].label}: {', '.join(labels)}")
    return lines


def _label(scope: str, name: str) -> str:
    if name == TEXTS:
        return "a sentence"
    label = SCOPES[scope].fields[name].label
    return label[0].lower() + label[1:]


def kept_back(lines: Sequence[Line], whole: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Name what never leaves, and why; of a scope that stays whole, no field is named."""
    found = []
    for reason, said in REASONS.items():
        names: dict[str, list[str]] = {}
        for line in lines:
            if line.reason == reason:
                names.setdefault(line.scope, []).append(line.name)
        entire = [scope for scope in names if len(names[scope]) == len(whole.get(scope, ()))]
        parts = {scope: fields for scope, fields in names.items() if scope not in entire}
        all_of = f"all of {', '.join(SCOPES[scope].label for scope in entire)}" if entire else ""
        if pieces := [piece for piece in (all_of, *named(parts)) if piece]:
            found.append(f"{said}: {'; '.join(pieces)}")
    return found


def everything_held(organisation: Organisation) -> str:
    """Return every text that an organisation can read in its cases and referrals."""
    # As the node itself: a worker who opened every case would be taken for somebody who copies them.
    with organisation.node.works.write(SYSTEM) as work:
        in_cases = [
            text
            for found in cases.list_cases(work, limit=PAGE).found
            for text in _texts_of_case(cases.read_case(work, found.case.id))
        ]
        in_referrals = [
            text
            for referral in referrals.list_referrals(work, limit=PAGE).referrals
            for entry in referrals.timeline(work, referral.id)
            for text in _texts_of_entry(entry)
        ]
    return "\n".join(in_cases + in_referrals)


def _texts_of_case(record: CaseRecord) -> list[str]:
    fields = [field for view in record.scopes.values() for field in view.fields.values()]
    found = [text for field in fields for text in texts_of(field.value)]
    found += [text for field in fields for other in field.others.values() for text in texts_of(other.value)]
    return found + [note.text or "" for note in record.notes]


def _texts_of_entry(entry: Entry) -> list[str]:
    said = [text for part in entry.scopes for text in part.texts]
    return [
        entry.remark,
        *said,
        *(text for part in entry.scopes for text in texts_of(list(part.fields.values()))),
    ]


def texts_of(value: object) -> list[str]:
    """Return every text in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for entry in value for text in texts_of(entry)]
    if isinstance(value, dict):
        return [text for entry in value.values() for text in texts_of(entry)]
    return []


def leaks(held: str, secret: Mapping[str, Mapping[str, object]], agreed: Iterable[str]) -> list[str]:
    """Return the fields of a record of which something is held beyond what was agreed to."""
    allowed = "\n".join(agreed)
    return [
        f"{scope}.{name}"
        for scope, content in secret.items()
        for name, value in content.items()
        if SCOPES[scope].fields[name].kind in _TELLING
        and any(text in held and text not in allowed for text in texts_of(value) if len(text) >= _SHORTEST)
    ]


def readable_on_disk(folder: Path, texts: Iterable[str]) -> list[str]:
    """Return the files of a node in which one of the texts stands readable."""
    wanted = [text.encode() for text in texts]
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, wanted)]


def _holds(path: Path, wanted: Sequence[bytes]) -> bool:
    longest = max(len(text) for text in wanted)
    tail = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            seen = tail + block
            if any(text in seen for text in wanted):
                return True
            tail = seen[-longest:]
    return False
