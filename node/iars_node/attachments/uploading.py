"""Uploading: the sealed bytes of disclosed attachments on their way to peers, resumed for days if need be.

One durable job per referral and attachment. It is scheduled when the peer's receipt proves that the peer
knows what to expect, and it ends when the peer has verified the whole, or may not have it any more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import structlog

from iars_node.attachments import store
from iars_node.audit.service import record
from iars_node.errors import LockedError
from iars_node.exchange.transport import UnreachableError
from iars_node.exchange.uploads import MovedError, NotTakenError, Pace, TooLongError, Uploads
from iars_node.jobs import long
from iars_node.jobs.model import Job, Retries, StaleLeaseError, Worker
from iars_node.jobs.service import give_back, schedule, set_aside, wait_for_keys
from iars_node.peers import store as peer_store
from iars_node.work import SYSTEM, Work

if TYPE_CHECKING:
    from iars_node.attachments.folder import AttachmentFolder
    from iars_node.attachments.model import Attachment
    from iars_node.exchange.transport import Transport
    from iars_node.peers.model import Peer
    from iars_node.work import Works

UPLOAD_JOB = "attachment.upload"
# About two weeks: a minute after the first failure, two hours between the last ones.
RETRIES = Retries(most=170, first=timedelta(minutes=1), longest=timedelta(hours=2))
AT_ONCE = 3
POLL_SECONDS = 1.0
MOST_HITCHES = 6

# Says whether a referral's attachments may go to its peer at this moment.
MaySend: TypeAlias = Callable[[Work, str, str], bool]

log = structlog.get_logger()


class _NoLongerError(Exception):
    """The attachment may not be sent any more, or is gone."""


@dataclass(frozen=True, slots=True)
class _Upload:
    """What one attempt needs to know."""

    peer: Peer
    attachment: Attachment


def schedule_upload(work: Work, peer: bytes, referral_id: str, attachment_id: str) -> str:
    """Schedule the upload of an attachment that a message to a peer named; at once, also where it waited."""
    payload = {"peer": peer.hex(), "referral": referral_id, "attachment": attachment_id}
    return schedule(work, UPLOAD_JOB, work.now, f"{referral_id}/{attachment_id}", payload)


class Uploader:
    """Sends what is scheduled, a few attachments at once."""

    def __init__(
        self, works: Works, transport: Transport, folder: AttachmentFolder, may_send: MaySend
    ) -> None:
        self._works = works
        self._uploads = Uploads(works, transport)
        self._folder = folder
        self._may_send = may_send
        self._worker = Worker(f"upload-{secrets.token_hex(8)}", {}, retries=RETRIES)

    async def run(self) -> None:
        """Send until cancelled."""
        await asyncio.gather(*(self._run_one() for _ in range(AT_ONCE)))

    async def _run_one(self) -> None:
        while True:
            try:
                was_due = await self.send_next()
            except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the loop
                log.warning("uploads.paused", error=type(error).__name__)
                was_due = False
            if not was_due:
                await asyncio.sleep(POLL_SECONDS)

    async def send_next(self) -> bool:
        """Send the attachment that is due longest; say whether there was one."""
        if not self._works.vault.is_unlocked:
            return False
        job = await asyncio.to_thread(long.claim, self._works, self._worker, UPLOAD_JOB)
        if job is None:
            return False
        pace = Pace()
        try:
            await self._send(job, pace)
        except StaleLeaseError:
            log.warning("job.taken-over", job=job.id, kind=job.kind)
        except _NoLongerError:
            await asyncio.to_thread(self._end, job, "attachment.not-sent")
        except asyncio.CancelledError:
            # The node stops: whoever runs next need not wait for the lease to end.
            long.release(self._works, job)
            raise
        except Exception as error:  # noqa: BLE001 - one attachment's fault must not stop the others
            # An attempt that got further is no failure: tries are counted from the last progress.
            tried = replace(job, attempts=1) if pace.pieces else job
            await asyncio.to_thread(self._give_back, tried, error)
        return True

    async def _send(self, job: Job, pace: Pace) -> None:
        upload, hitches = await asyncio.to_thread(self._look, job), 0
        offset = await self._ask(upload)
        while offset < upload.attachment.size:
            try:
                sent = await self._send_piece(upload, offset, pace)
            except (UnreachableError, MovedError, TooLongError):
                # Too long a piece for the line, or a lost answer: ask, and go on with a shorter one.
                hitches += 1
                if hitches > MOST_HITCHES:
                    raise
                pace.slow_down()
                offset = await self._ask(upload)
            else:
                offset, hitches = offset + sent, 0
            upload = await asyncio.to_thread(self._look, job)
        await asyncio.to_thread(self._end, job, "attachment.sent")

    async def _ask(self, upload: _Upload) -> int:
        return await self._uploads.ask(upload.peer, upload.attachment.digest, upload.attachment.size)

    async def _send_piece(self, upload: _Upload, offset: int, pace: Pace) -> int:
        wanted = upload.attachment
        piece = await asyncio.to_thread(self._folder.sealed_piece, wanted.file, offset, pace.length)
        began = asyncio.get_running_loop().time()
        await self._uploads.append(upload.peer, wanted.digest, offset, piece)
        pace.note(asyncio.get_running_loop().time() - began)
        return len(piece)

    def _look(self, job: Job) -> _Upload:
        """Hold the job for longer, and look whether the attachment may still be sent."""
        with self._works.write(SYSTEM) as work:
            long.renew(work, self._worker, job)
            found = store.find_attachment(
                work.connection, work.vault, str(job.payload["attachment"]), at=work.now
            )
            peer = peer_store.find(work.connection, bytes.fromhex(str(job.payload["peer"])))
            is_here = found is not None and found.state == "stored" and found.content is not None
            if found is None or peer is None or not is_here:
                raise _NoLongerError
            if not self._may_send(work, str(job.payload["referral"]), found.scope):
                raise _NoLongerError
        if not peer.is_exchanged_with:
            raise UnreachableError("peer-not-pinned")
        return _Upload(peer, found)

    def _end(self, job: Job, action: str) -> None:
        with suppress(StaleLeaseError), long.completing(self._works, job) as work:
            attachment_id = str(job.payload["attachment"])
            found = store.find_attachment(work.connection, work.vault, attachment_id, at=work.now)
            record(
                work,
                action,
                subject=attachment_id,
                case_id=found.case_id if found else "",
                referral_id=str(job.payload["referral"]),
                peer_id=str(job.payload["peer"]),
                scopes=[found.scope] if found else [],
            )

    def _give_back(self, job: Job, error: Exception) -> None:
        if isinstance(error, LockedError):
            wait_for_keys(self._works, self._worker, job, error.code)
        elif isinstance(error, NotTakenError):
            set_aside(self._works, job, error.code)
        else:
            code = getattr(error, "reason", None) or getattr(error, "code", None) or type(error).__name__
            give_back(self._works, self._worker, job, str(code))
