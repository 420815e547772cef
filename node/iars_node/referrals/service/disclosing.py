"""The cut in practice: from a case, its consent and the choices of a worker to what a message carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.attachments.service import attachment_to_send
from iars_node.cases.model import OWN
from iars_node.cases.service import disclosable
from iars_node.errors import ErasedError, InvalidError
from iars_node.referrals import store
from iars_node.vault.content_keys import key_for, keys_for
from iars_node.vault.sealing import context
from iars_protocol.content import ATTACHMENTS, TEXTS, check_content
from iars_protocol.encoding import decode
from iars_protocol.parts import AttachmentPart, Part, ScopePart, read_scope_part
from iars_protocol.record import SCOPES, Record, cut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from iars_node.attachments.model import Attachment
    from iars_node.referrals.model import Referral
    from iars_node.vault.vault import Vault
    from iars_node.work import Work
    from iars_protocol.consent import Grant
    from iars_protocol.content import Content
    from iars_protocol.record import Step, Value

MESSAGE_SCOPE = "message"
"""Under this name, beside the scopes, stands the key of a message's body and grant."""

KEY_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Material:
    """What a case holds that may be disclosed at all, and the keys under which each scope is kept."""

    record: Record
    keys: Mapping[str, tuple[bytes, ...]]
    sources: frozenset[str]


def material(work: Work, case_id: str, others: Collection[str] = ()) -> Material:
    """Gather what this node may disclose: its own collection, what was handed over to it, and `others`."""
    sources = {OWN, *others} | store.handed_over_grants(work.connection, case_id)
    record, shown = disclosable(work, case_id, sources)
    places = [(scope, source) for scope in record for source in shown[scope]]
    keys = keys_for(work.connection, work.vault, "case", case_id, places)
    by_scope = {scope: tuple(keys[scope, source] for source in shown[scope]) for scope in record}
    return Material(record, by_scope, frozenset(sources))


def scope_keys(work: Work, case_id: str, scope: str, known: Material) -> tuple[bytes, ...]:
    """Return the keys that keep one scope's part: those of its sources, or of own collection."""
    return known.keys.get(scope) or (key_for(work.connection, work.vault, "case", case_id, scope, OWN),)


def message_key(work: Work, referral_id: str, source: str) -> bytes:
    """Return the key that keeps a referral's bodies and grants here."""
    return key_for(work.connection, work.vault, "referral", referral_id, MESSAGE_SCOPE, source)


def cut_parts(
    record: Record, grant: Grant, step: Step, extra: Mapping[str, ScopePart] | None = None
) -> tuple[ScopePart, ...]:
    """Cut a record to a step of a grant and join each scope's sentences and attachments to it."""
    released = cut(record, grant, step)
    additions = dict(extra or {})
    parts = []
    for code in SCOPES:
        addition = additions.pop(code, None)
        fields: dict[str, Value] = released.get(code, {})
        if fields or addition:
            texts, attachments = (addition.texts, addition.attachments) if addition else ((), ())
            parts.append(ScopePart(code, fields, texts, attachments))
    found = tuple(parts)
    check_content(found, grant, "sender", step)
    return found


def narrowed(parts: Iterable[ScopePart], grant: Grant, step: Step) -> tuple[ScopePart, ...]:
    """Cut parts once more, to a grant that allows less than when they were cut; what is left empty goes."""
    found = []
    for part in parts:
        granted = grant.scope(part.scope)
        if granted is None:
            continue
        fields = {name: value for name, value in part.fields.items() if granted.allows(name, step)}
        texts = part.texts if granted.allows(TEXTS, step) else ()
        attachments = part.attachments if granted.allows(ATTACHMENTS, step) else ()
        if fields or texts or attachments:
            found.append(ScopePart(part.scope, fields, texts, attachments))
    return tuple(found)


def additions(
    work: Work, texts: Iterable[tuple[str, str]], attachments: Iterable[str]
) -> dict[str, ScopePart]:
    """Gather sentences and attachments under the scopes that their author declared."""
    sentences: dict[str, list[str]] = {}
    for scope, text in texts:
        if scope not in SCOPES or not text.strip():
            raise InvalidError(
                "A sentence needs a scope that it touches.", {"texts": "accepted: scope and text"}
            )
        sentences.setdefault(scope, []).append(text.strip())
    files: dict[str, list[AttachmentPart]] = {}
    for attachment_id in attachments:
        kept = attachment_to_send(work, attachment_id)
        files.setdefault(kept.scope, []).append(_attachment_part(kept))
    return {
        scope: ScopePart(scope, {}, tuple(sentences.get(scope, ())), tuple(files.get(scope, ())))
        for scope in {*sentences, *files}
    }


def _attachment_part(kept: Attachment) -> AttachmentPart:
    if kept.content is None:
        raise ErasedError("An attachment that was chosen has been erased.")
    seal = kept.content.seal
    return AttachmentPart(
        id=kept.id,
        name=kept.content.name,
        media_type=kept.content.media_type,
        size=seal.length,
        key=seal.key,
        sealed_size=seal.size,
        sealed_hash=seal.digest,
    )


def sender_part_keys(
    work: Work, referral_id: str, case_id: str, content: Content, known: Material
) -> tuple[tuple[bytes, ...], ...]:
    """Return the keys for each part of an outgoing message, in the order of the content."""
    message = (message_key(work, referral_id, OWN),)
    carried = 1 + (content.grant is not None) + (content.onward is not None)
    return (message,) * carried + tuple(
        scope_keys(work, case_id, part.scope, known) for part in content.scopes
    )


def put_snapshot(work: Work, sent: Referral, parts: Sequence[ScopePart], known: Material) -> None:
    """Keep what leaves on acceptance, each scope under the keys of its sources."""
    rows = {}
    for part in parts:
        keys = scope_keys(work, sent.case_id, part.scope, known)
        sealed = part.to_part().content
        for key in keys:
            sealed = work.vault.seal(key, sealed, _place(sent.id, part.scope))
        rows[part.scope] = (b"".join(keys), sealed)
    store.put_snapshot(work.connection, sent.id, rows)


def open_snapshot(work: Work, referral_id: str) -> tuple[tuple[ScopePart, ...], dict[str, tuple[bytes, ...]]]:
    """Return what leaves on acceptance and the keys it was kept under; an erased scope is absent."""
    parts, keys = [], {}
    for scope, (key_ids, sealed) in store.snapshot(work.connection, referral_id).items():
        split = tuple(key_ids[start : start + KEY_ID_BYTES] for start in range(0, len(key_ids), KEY_ID_BYTES))
        opened = _open(work.vault, split, sealed, _place(referral_id, scope))
        if opened is not None:
            parts.append(read_scope_part(decode(opened)))
            keys[scope] = split
    order = list(SCOPES)
    return tuple(sorted(parts, key=lambda part: order.index(part.scope))), keys


def _open(vault: Vault, keys: Sequence[bytes], sealed: bytes, place: bytes) -> bytes | None:
    try:
        for key in reversed(keys):
            sealed = vault.open(key, sealed, place)
    except ErasedError:
        return None
    return sealed


def _place(referral_id: str, scope: str) -> bytes:
    return context("referral_snapshot", "sealed", referral_id, scope)


def scope_parts_of(parts: Iterable[Part | None]) -> list[ScopePart]:
    """Return the scope parts among a message's opened parts; erased ones are absent."""
    plains = (part.plain for part in parts if part is not None)
    return [read_scope_part(plain) for plain in plains if plain.get("part") == "scope"]
