"""The use cases of attachments. Files are written before a unit of work opens, never inside one."""

from __future__ import annotations

import re
import secrets
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import readable_scopes, require
from iars_node.accounts.opened import note_opened
from iars_node.attachments import store
from iars_node.attachments.model import Attachment, AttachmentContent, StoredFile
from iars_node.cases.model import OWN
from iars_node.cases.service.access import case_to_change, require_scopes
from iars_node.cases.service.assignment import opening_under, readable_here
from iars_node.cases.service.writing import ensure_document
from iars_node.db import new_id
from iars_node.errors import ConflictError, ErasedError, InvalidError, NotFoundError
from iars_protocol.attachment import sealed_length
from iars_protocol.crypto import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iars_node.attachments.folder import AttachmentFolder
    from iars_node.cases.events import ContentErased
    from iars_node.work import Work
    from iars_protocol.attachment import Seal

LONGEST_NAME = 200
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


def add_attachment(  # noqa: PLR0913 - name and media type are said by name
    work: Work, case_id: str, scope: str, stored: StoredFile, *, name: str, media_type: str
) -> Attachment:
    """Add a file that was written into the attachment folder to a case, under a scope."""
    require_scopes(work, "attachment.add", [scope], case_id)
    case_to_change(work, case_id)
    content = AttachmentContent(_checked_name(name), _checked_type(media_type), stored.seal)
    return _add(work, _row(work, new_id(), case_id, (scope, OWN), stored), content, "attachment.added")


def expect_attachment(  # noqa: PLR0913 - what is announced is said by name
    work: Work,
    case_id: str,
    scope: str,
    source: str,
    *,
    attachment_id: str,
    name: str,
    media_type: str,
    seal: Seal,
    by: str,
    ends_at: datetime | None = None,
) -> Attachment:
    """Note an attachment that was announced under a grant; its sealed bytes follow apart.

    The same announcement may come again, in a later message or referral; what was refused before is then
    expected again. With its scope it locks by itself at `ends_at`.
    """
    if source == OWN:
        raise InvalidError("A received attachment names its grant.", {"source": "accepted: a grant's id"})
    if seal.size != sealed_length(seal.length):
        raise InvalidError(
            "The announced sizes do not agree.", {"size": "accepted: that of the length's bucket"}
        )
    case_to_change(work, case_id)
    content = AttachmentContent(_checked_name(name), _checked_type(media_type), seal)
    attachment_id, known = _place_for(work, attachment_id, (case_id, scope, source))
    if known is not None:
        return _announced_again(work, known, seal)
    awaited = StoredFile(secrets.token_hex(16), seal)
    row = _row(work, attachment_id, case_id, (scope, source), awaited, is_here=False, by=by)
    return _add(work, row, content, "attachment.expected", ends_at)


def _place_for(work: Work, wanted: str, place: tuple[str, str, str]) -> tuple[str, Attachment | None]:
    """Return the id under which an announcement is kept, and what was announced under it before.

    An id is the sender's own choice: one that is in use elsewhere here gets another one, without a word.
    """
    named = wanted
    while (known := store.find_attachment(work.connection, work.vault, named, at=work.now)) is not None:
        if (known.case_id, known.scope, known.source) == place and known.state != "erased":
            return named, known
        named = digest("iars-node/attachment", named.encode(), *(word.encode() for word in place)).hex()[:32]
    return named, None


def _announced_again(work: Work, known: Attachment, seal: Seal) -> Attachment:
    if (known.size, known.digest) != (seal.size, seal.digest):
        raise ConflictError("Another attachment was announced under this id.")
    if known.state != "refused":
        return known
    store.set_state(work.connection, known.id, "expected")
    _note(work, "attachment.expected", known)
    return _found(work, known.id)


def accept_attachment(work: Work, attachment_id: str, folder: AttachmentFolder) -> Attachment:
    """Verify an expected attachment that has arrived whole, and store it."""
    expected = _found(work, attachment_id)
    if expected.state != "expected":
        return expected
    folder.accept(StoredFile(expected.file, _content(expected).seal))
    store.set_state(work.connection, attachment_id, "stored")
    _note(work, "attachment.received", expected)
    return _found(work, attachment_id)


def refuse_attachment(work: Work, attachment_id: str, folder: AttachmentFolder) -> None:
    """Give up an expected attachment: what arrived of it is removed."""
    expected = _found(work, attachment_id)
    if expected.state != "expected":
        raise ConflictError("Only an attachment that is still expected can be refused.")
    store.set_state(work.connection, attachment_id, "refused")
    _note(work, "attachment.refused", expected)
    work.after_commit.append(partial(folder.remove, expected.file))


def list_attachments(work: Work, case_id: str) -> list[Attachment]:
    """Return a case's attachments in the scopes that the actor may read."""
    require(work.actor, "attachment.read")
    return store.attachments_of(
        work.connection, work.vault, case_id, readable_here(work, case_id), at=work.now
    )


def count_attachments(work: Work, case_id: str) -> int:
    """Return how many attachments a case has in the scopes that the actor may read."""
    require(work.actor, "attachment.read")
    return store.count_of(work.connection, case_id, readable_here(work, case_id))


def read_attachment(work: Work, attachment_id: str) -> Attachment:
    """Return an attachment to be opened from the folder, and record that it was read."""
    require(work.actor, "attachment.read")
    found = _found(work, attachment_id)
    if found.scope not in readable_scopes(work.actor):
        raise NotFoundError("There is no such attachment.")
    require_scopes(work, "attachment.read", [found.scope], found.case_id)
    _content(found)
    if found.state != "stored":
        raise ConflictError("This attachment has not arrived yet.")
    note_opened(work, found.case_id)
    _note(work, "attachment.read", found, opening_under(work, found.case_id))
    return found


def attachment_to_send(work: Work, attachment_id: str) -> Attachment:
    """Return a stored attachment for a disclosure, which its sender checks and records."""
    found = _found(work, attachment_id)
    _content(found)
    if found.state != "stored":
        raise ConflictError("This attachment has not arrived yet.")
    return found


def stored_file(found: Attachment) -> StoredFile:
    """Return where an attachment's file lies and what opens it."""
    return StoredFile(found.file, _content(found).seal)


def remove_attachment(work: Work, attachment_id: str, folder: AttachmentFolder) -> None:
    """Remove an attachment that was added by mistake: its file and what opens it."""
    found = _found(work, attachment_id)
    require_scopes(work, "attachment.add", [found.scope], found.case_id)
    store.empty(work.connection, [attachment_id])
    _note(work, "attachment.removed", found)
    work.after_commit.append(partial(folder.remove, found.file))


def remove_erased(folder: AttachmentFolder) -> Callable[[Work, ContentErased], None]:
    """Return the follower that removes the files whose keys a case's erasure destroyed."""

    def follow(work: Work, event: ContentErased) -> None:
        erased = store.under_keys(work.connection, event.key_ids)
        store.empty(work.connection, [attachment_id for attachment_id, _file in erased])
        for attachment_id, _file in erased:
            audit.record(work, "attachment.erased", case_id=event.case_id, subject=attachment_id)
        work.after_commit.extend([partial(folder.remove, file) for _id, file in erased])

    return follow


def live_files(work: Work) -> set[str]:
    """Return the names of files that must stay when the folder is swept."""
    return store.live_files(work.connection)


def _add(
    work: Work, row: Attachment, content: AttachmentContent, action: str, ends_at: datetime | None = None
) -> Attachment:
    ensure_document(work, row.case_id, row.scope, row.source, row.created_by, ends_at)
    store.insert_attachment(work.connection, work.vault, row, content)
    _note(work, action, row)
    return _found(work, row.id)


def _row(  # noqa: PLR0913 - a row's parts
    work: Work,
    attachment_id: str,
    case_id: str,
    place: tuple[str, str],
    stored: StoredFile,
    *,
    is_here: bool = True,
    by: str = "",
) -> Attachment:
    scope, source = place
    return Attachment(
        attachment_id,
        case_id,
        scope,
        source,
        stored.file,
        stored.seal.size,
        stored.seal.digest,
        "stored" if is_here else "expected",
        work.now,
        by or work.actor.id,
        None,
    )


def _found(work: Work, attachment_id: str) -> Attachment:
    found = store.find_attachment(work.connection, work.vault, attachment_id, at=work.now)
    if found is None:
        raise NotFoundError("There is no such attachment.")
    return found


def _content(found: Attachment) -> AttachmentContent:
    if found.content is None:
        raise ErasedError("This attachment is locked or has been erased.")
    return found.content


def _note(
    work: Work, action: str, noted: Attachment, detail: Mapping[str, str | int] = MappingProxyType({})
) -> None:
    audit.record(
        work,
        action,
        case_id=noted.case_id,
        subject=noted.id,
        scopes=[noted.scope],
        detail={"size": noted.size, **detail},
    )


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name or "\\" in name:
        accepted = f"accepted: 1 to {LONGEST_NAME} characters without / and \\"
        raise InvalidError("The file's name can't be used as it is.", {"name": accepted})
    return name


def _checked_type(media_type: str) -> str:
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise InvalidError(
            "The media type can't be used as it is.", {"media_type": "accepted: such as image/png"}
        )
    return media_type
