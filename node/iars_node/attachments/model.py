"""An attachment: a file of a case under one scope and source, kept sealed outside the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from iars_protocol.attachment import Seal

AttachmentState: TypeAlias = Literal["expected", "stored", "refused", "erased"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A sealed file in the attachment folder: its random name, and what opens it."""

    file: str
    seal: Seal


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment as the node keeps it; `content` is None once locked or erased."""

    id: str
    case_id: str
    scope: str
    source: str
    file: str
    size: int
    digest: bytes
    state: AttachmentState
    created_at: datetime
    created_by: str
    content: AttachmentContent | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttachmentContent:
    """What only the scope's key shows: the attachment's name, media type, and what opens its file."""

    name: str = field(repr=False)
    media_type: str
    seal: Seal
