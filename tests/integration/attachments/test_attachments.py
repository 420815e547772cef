"""Attachments from upload to erasure."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from iars_node.attachments.folder import AttachmentFolder
from iars_node.attachments.service import (
    accept_attachment,
    add_attachment,
    attachment_to_send,
    expect_attachment,
    list_attachments,
    live_files,
    read_attachment,
    refuse_attachment,
    remove_attachment,
    remove_erased,
    stored_file,
)
from iars_node.cases.events import ContentErased
from iars_node.cases.service import erase_content, lock_content, open_case, unlock_content
from iars_node.errors import ConflictError, ErasedError, ForbiddenError, InvalidError, NotFoundError
from iars_node.vault.errors import DamagedError
from iars_node.work import SYSTEM, Actor
from iars_protocol import attachment
from iars_protocol.attachment import Seal, Sealer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iars_node.attachments.model import StoredFile
    from iars_node.cases.model import Case
    from iars_node.work import Works

PICTURE = b"\x89PNG" + bytes(200_000)
WORKER = Actor("account", "a" * 32, frozenset({"case-worker"}))
DOCTOR = Actor("account", "c" * 32, frozenset({"medical"}))
PEER = Actor("peer", "f" * 64)
GRANT = "9" * 64
MOST = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> AttachmentFolder:
    return AttachmentFolder(tmp_path / "attachments")


@pytest.fixture
def case(works: Works) -> Case:
    with works.write(WORKER) as work:
        return open_case(work, country="AL")


def add(works: Works, case: Case, stored: StoredFile, scope: str = "identity") -> str:
    with works.write(WORKER) as work:
        added = add_attachment(work, case.id, scope, stored, name="passport.png", media_type="image/png")
    return added.id


def read(works: Works, folder: AttachmentFolder, attachment_id: str, actor: Actor = WORKER) -> bytes:
    with works.write(actor) as work:
        found = read_attachment(work, attachment_id)
    return b"".join(folder.open(stored_file(found)))


def announced(works: Works, case: Case, octets: bytes) -> tuple[bytes, Seal]:
    sealer = Sealer(attachment.new_key())
    sealed = b"".join(attachment.seal_stream([octets], sealer))
    with works.write(PEER) as work:
        expect_attachment(
            work,
            case.id,
            "medical",
            GRANT,
            attachment_id="e" * 32,
            name="scan.pdf",
            media_type="application/pdf",
            seal=sealer.seal(),
            by=PEER.id,
        )
    return sealed, sealer.seal()


def expected_file(works: Works) -> str:
    with works.read(SYSTEM) as work:
        (file,) = live_files(work)
    return file


def test_what_goes_in_comes_out(works: Works, folder: AttachmentFolder, case: Case) -> None:
    attachment_id = add(works, case, folder.write([PICTURE[:7], PICTURE[7:]], most=MOST))
    assert read(works, folder, attachment_id) == PICTURE
    with works.write(WORKER) as work:
        (listed,) = list_attachments(work, case.id)
    assert listed.content is not None
    assert (listed.content.name, listed.content.media_type) == ("passport.png", "image/png")


async def test_a_request_is_streamed_into_a_file(works: Works, folder: AttachmentFolder, case: Case) -> None:
    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(PICTURE), 10_000):
            yield PICTURE[start : start + 10_000]

    attachment_id = add(works, case, await folder.write_stream(body(), most=MOST))
    assert read(works, folder, attachment_id) == PICTURE


def test_no_plaintext_lies_in_the_folder_and_no_name_in_the_database(
    works: Works, folder: AttachmentFolder, case: Case, tmp_path: Path
) -> None:
    add(works, case, folder.write([b"a secret letter" * 1000], most=MOST))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"a secret letter" not in path.read_bytes()
            assert b"passport.png" not in path.read_bytes()


def test_an_interrupted_upload_leaves_nothing(folder: AttachmentFolder) -> None:
    def broken() -> object:
        yield b"some"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        folder.write(broken(), most=MOST)  # type: ignore[arg-type]
    assert [path for path in folder.root.rglob("*") if path.is_file()] == []


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(folder: AttachmentFolder) -> None:
    with pytest.raises(InvalidError):
        folder.write([bytes(600), bytes(600)], most=1000)
    assert [path for path in folder.root.rglob("*") if path.is_file()] == []


def test_an_altered_or_missing_file_shows_nothing(works: Works, folder: AttachmentFolder, case: Case) -> None:
    stored = folder.write([PICTURE], most=MOST)
    attachment_id = add(works, case, stored)
    path = folder.path(stored.file)
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1
    path.write_bytes(octets)
    with pytest.raises(DamagedError):
        read(works, folder, attachment_id)
    path.unlink()
    with pytest.raises(DamagedError):
        read(works, folder, attachment_id)


def test_a_file_that_changes_between_the_passes_is_noticed(folder: AttachmentFolder) -> None:
    stored = folder.write([PICTURE], most=MOST)
    pieces = folder.open(stored)
    path = folder.path(stored.file)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedError):
        list(pieces)


def test_a_role_without_the_scope_neither_sees_nor_adds(
    works: Works, folder: AttachmentFolder, case: Case
) -> None:
    stored = folder.write([PICTURE], most=MOST)
    attachment_id = add(works, case, stored)
    with works.write(DOCTOR) as work:
        assert list_attachments(work, case.id) == []
        with pytest.raises(NotFoundError):
            read_attachment(work, attachment_id)
        with pytest.raises(ForbiddenError):
            add_attachment(work, case.id, "identity", stored, name="a", media_type="a/b")
    with works.write(Actor("account", "d" * 32)) as work, pytest.raises(ForbiddenError):
        list_attachments(work, case.id)


@pytest.mark.parametrize(
    ("name", "media_type"), [("", "a/b"), ("../x", "a/b"), ("a\nb", "a/b"), ("x" * 201, "a/b"), ("a", "text")]
)
def test_names_and_types_of_another_form_are_refused(
    works: Works, folder: AttachmentFolder, case: Case, name: str, media_type: str
) -> None:
    stored = folder.write([b"x"], most=MOST)
    with works.write(WORKER) as work, pytest.raises(InvalidError):
        add_attachment(work, case.id, "identity", stored, name=name, media_type=media_type)


def test_a_name_never_leads_outside_the_folder(folder: AttachmentFolder) -> None:
    for file in ("../../etc/passwd", "A" * 32, "0" * 31, ""):
        with pytest.raises(InvalidError):
            folder.path(file)


def test_a_received_attachment_continues_where_the_line_was_cut(
    works: Works, folder: AttachmentFolder, case: Case
) -> None:
    sealed, seal = announced(works, case, PICTURE)
    file = expected_file(works)
    receive = partial(folder.receive, file, size=seal.size)
    assert folder.received(file) == 0
    assert receive(offset=0, sealed=[sealed[:70_000]]) == 70_000
    with pytest.raises(ConflictError):
        receive(offset=0, sealed=[sealed])
    with works.write(PEER) as work, pytest.raises(DamagedError):
        accept_attachment(work, "e" * 32, folder)
    assert receive(offset=70_000, sealed=[sealed[70_000:]]) == seal.size
    with works.write(PEER) as work:
        assert accept_attachment(work, "e" * 32, folder).state == "stored"
        assert accept_attachment(work, "e" * 32, folder).state == "stored"
    assert read(works, folder, "e" * 32) == PICTURE
    with works.write(SYSTEM) as work:
        sent = attachment_to_send(work, "e" * 32)
    assert b"".join(folder.sealed_pieces(sent.file, 100)) == sealed[100:]


async def test_a_cut_stream_keeps_what_came(works: Works, folder: AttachmentFolder, case: Case) -> None:
    sealed, seal = announced(works, case, PICTURE)
    file = expected_file(works)

    async def cut() -> AsyncIterator[bytes]:
        yield sealed[:5000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await folder.receive_stream(file, 0, cut(), size=seal.size)
    assert folder.received(file) == 5000

    async def rest() -> AsyncIterator[bytes]:
        yield sealed[5000:]

    assert await folder.receive_stream(file, 5000, rest(), size=seal.size) == seal.size


def test_more_than_was_announced_is_refused(works: Works, folder: AttachmentFolder, case: Case) -> None:
    sealed, seal = announced(works, case, PICTURE)
    with pytest.raises(InvalidError):
        folder.receive(expected_file(works), 0, [sealed, b"more"], size=seal.size)


def test_one_sender_at_a_time(works: Works, folder: AttachmentFolder, case: Case) -> None:
    sealed, seal = announced(works, case, PICTURE)
    file = expected_file(works)

    def slow() -> object:
        yield sealed[:10]
        with pytest.raises(ConflictError):
            folder.receive(file, 10, [sealed[10:]], size=seal.size)

    assert folder.receive(file, 0, slow(), size=seal.size) == 10  # type: ignore[arg-type]


def test_an_expected_attachment_is_not_read_before_it_is_here(
    works: Works, folder: AttachmentFolder, case: Case
) -> None:
    announced(works, case, PICTURE)
    with works.write(WORKER) as work:
        with pytest.raises(ConflictError):
            read_attachment(work, "e" * 32)
        with pytest.raises(ConflictError):
            attachment_to_send(work, "e" * 32)
    with works.write(WORKER) as work:
        refuse_attachment(work, "e" * 32, folder)
    with works.write(WORKER) as work, pytest.raises(ConflictError):
        refuse_attachment(work, "e" * 32, folder)


def test_an_announcement_that_contradicts_itself_is_refused(works: Works, case: Case) -> None:
    expect = partial(
        expect_attachment,
        case_id=case.id,
        scope="medical",
        attachment_id="e" * 32,
        name="a",
        media_type="a/b",
    )
    with works.write(PEER) as work:
        with pytest.raises(InvalidError):
            expect(work, source=GRANT, seal=Seal(bytes(32), 10, 11, bytes(32)), by=PEER.id)
        size = attachment.sealed_length(10)
        with pytest.raises(InvalidError):
            expect(work, source="own", seal=Seal(bytes(32), 10, size, bytes(32)), by=PEER.id)
        expect(work, source=GRANT, seal=Seal(bytes(32), 10, size, bytes(32)), by=PEER.id)
        with pytest.raises(ConflictError):
            expect(work, source=GRANT, seal=Seal(bytes(32), 10, size, bytes([1] * 32)), by=PEER.id)


def test_an_announcement_may_come_again(works: Works, folder: AttachmentFolder, case: Case) -> None:
    sealed, seal = announced(works, case, PICTURE)
    again = partial(
        expect_attachment,
        case_id=case.id,
        scope="medical",
        attachment_id="e" * 32,
        name="scan.pdf",
        media_type="application/pdf",
        by=PEER.id,
    )
    with works.write(WORKER) as work:
        assert again(work, source=GRANT, seal=seal).state == "expected"
        refuse_attachment(work, "e" * 32, folder)
    with works.write(PEER) as work:
        assert again(work, source=GRANT, seal=seal).state == "expected"
        # Under another grant it is another attachment: each lives and dies with its own grant.
        other = again(work, source="8" * 64, seal=seal)
        assert again(work, source="8" * 64, seal=seal).id == other.id != "e" * 32
    folder.receive(other.file, 0, [sealed], size=seal.size)
    with works.write(PEER) as work:
        assert accept_attachment(work, other.id, folder).state == "stored"
    assert read(works, folder, other.id) == PICTURE


def test_a_lock_on_the_scope_locks_its_attachments(
    works: Works, folder: AttachmentFolder, case: Case
) -> None:
    stored = folder.write([PICTURE], most=MOST)
    attachment_id = add(works, case, stored)
    with works.write(SYSTEM) as work:
        assert lock_content(work, case.id, "own") == {"identity"}
    with works.write(WORKER) as work:
        with pytest.raises(ErasedError):
            read_attachment(work, attachment_id)
        with pytest.raises(ConflictError):
            add_attachment(work, case.id, "identity", stored, name="a", media_type="a/b")
    with works.write(SYSTEM) as work:
        unlock_content(work, case.id, "own")
    assert read(works, folder, attachment_id) == PICTURE


def test_erasing_a_scope_removes_its_files_after_the_commit(
    works: Works, folder: AttachmentFolder, case: Case
) -> None:
    works.events.follow(ContentErased, remove_erased(folder))
    stored = folder.write([PICTURE], most=MOST)
    attachment_id = add(works, case, stored)
    with works.write(SYSTEM) as work:
        erase_content(work, case.id, "own", ["identity"])
        assert folder.path(stored.file).exists()
    assert not folder.path(stored.file).exists()
    with works.write(WORKER) as work:
        assert list_attachments(work, case.id)[0].state == "erased"
        with pytest.raises(ErasedError):
            read_attachment(work, attachment_id)


def test_a_mistaken_attachment_is_removed(works: Works, folder: AttachmentFolder, case: Case) -> None:
    stored = folder.write([PICTURE], most=MOST)
    attachment_id = add(works, case, stored)
    with works.write(WORKER) as work:
        remove_attachment(work, attachment_id, folder)
    assert not folder.path(stored.file).exists()


def test_files_without_a_row_are_swept_when_they_are_old(
    works: Works, folder: AttachmentFolder, case: Case
) -> None:
    kept, orphan, young = (folder.write([PICTURE], most=MOST) for _ in range(3))
    add(works, case, kept)
    with works.read(SYSTEM) as work:
        known = live_files(work)
        now = work.now
    for stored in (kept, orphan):
        old = (now - timedelta(days=2)).timestamp()
        os.utime(folder.path(stored.file), (old, old))
    os.utime(folder.path(young.file), (now.timestamp(), now.timestamp()))
    assert folder.sweep(known, now - timedelta(days=1)) == [orphan.file]
    assert read(works, folder, attachment_id=_only(works, case)) == PICTURE


def _only(works: Works, case: Case) -> str:
    with works.write(WORKER) as work:
        (found,) = list_attachments(work, case.id)
    return found.id
