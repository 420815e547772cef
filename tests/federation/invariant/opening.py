"""What opens at a node: read from its database file and its key store's, past every service that filters.

Whoever holds both files and the passphrase can read this much and no more. Only the vault's ciphers and the
protocol's readers are used; no query, no service and no lock of the program stands between.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.conftest import PASSPHRASE

from iars_node.vault import master_key, sealing
from iars_node.vault.model import OWN, Header
from iars_node.vault.sealing import context
from iars_node.vault.subkeys import Subkeys
from iars_protocol.encoding import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

KEY_ID_BYTES = 16


@lru_cache(maxsize=16)
def _unwrapped(header: Header) -> Subkeys:
    # A key store's header never changes: the passphrase is tried once for each of them.
    return Subkeys(master_key.unwrap(header, PASSPHRASE))


@dataclass(frozen=True, slots=True)
class Opened:
    """A piece of content that opens: where it lies, of which scope it is, whence it came.

    `source` is `own`, or the grant that it came under; `referral` is set where it stands in a thread.
    """

    table: str
    row: str
    scope: str
    source: str
    case: str = ""
    referral: str = ""
    fields: tuple[str, ...] = ()

    @property
    def is_in_case(self) -> bool:
        """Whether a case holds it, and not a thread."""
        return not self.referral


@dataclass(frozen=True, slots=True)
class Label:
    """What the database says a key is for."""

    owner: str
    scope: str
    source: str


class Files:
    """A node's two files, opened by the passphrase alone."""

    def __init__(self, database: Path, key_store: Path) -> None:
        self._database = sqlite3.connect(database)
        self._database.row_factory = sqlite3.Row
        self._master: Subkeys
        self._keys = self._living(key_store)
        self.labels = {
            bytes(row["key_id"]): Label(row["owner_id"], row["scope"], row["source"])
            for row in self.rows("SELECT * FROM content_key")
        }

    def _living(self, key_store: Path) -> Mapping[bytes, bytes]:
        with closing(sqlite3.connect(key_store)) as store:
            row = store.execute(
                "SELECT store_id, salt, passes, memory_kib, wrapped_master FROM vault_header"
            ).fetchone()
            self._master = _unwrapped(Header(*row))
            return dict(store.execute("SELECT key_id, wrapped FROM vault_content_key"))

    def rows(self, query: str) -> list[sqlite3.Row]:
        """Return the rows of the database file."""
        return self._database.execute(query).fetchall()

    def close(self) -> None:
        """Close the database file."""
        self._database.close()

    def open(self, key_ids: bytes, sealed: bytes, place: bytes) -> bytes | None:
        """Open what is sealed under one key or several in turn; None where one of them is gone."""
        split = [key_ids[start : start + KEY_ID_BYTES] for start in range(0, len(key_ids), KEY_ID_BYTES)]
        if not sealed or not split or not all(key_id in self._keys for key_id in split):
            return None
        for key_id in reversed(split):
            key = sealing.open_sealed(self._master.wrapping, self._keys[key_id], key_id)
            sealed = sealing.open_sealed(key, sealed, place)
        return sealed

    def sources(self, key_ids: bytes) -> set[str]:
        """Return what the keys' labels say their content came under."""
        split = [key_ids[start : start + KEY_ID_BYTES] for start in range(0, len(key_ids), KEY_ID_BYTES)]
        return {self.labels[key_id].source if key_id in self.labels else "unlabelled" for key_id in split}


def everything_that_opens(files: Files) -> list[Opened]:
    """Return every piece of a scope's content that opens, of every table that holds any."""
    return [found for read in READERS.values() for found in read(files)]


PARTS = (
    "SELECT p.message, p.position, p.key_ids, p.sealed, m.direction, m.thread, m.peer, m.type, m.outcome "
    "FROM message_part p JOIN message m ON m.id = p.message"
)


def parts_that_open(files: Files, query: str = PARTS) -> Iterator[tuple[sqlite3.Row, dict[str, Any]]]:
    """Yield every part of a message that opens, with its message's row: bodies and grants too."""
    for row in files.rows(query):
        place = context("message_part", "sealed", f"{row['message'].hex()}.{row['position']}")
        opened = files.open(row["key_ids"], row["sealed"], place)
        if opened is not None:
            yield row, decode(decode(opened)[1])


def _parts(files: Files) -> Iterator[Opened]:
    grants = {row["id"]: row["grant_id"] for row in files.rows("SELECT id, grant_id FROM referral")}
    for row, plain in parts_that_open(files):
        if plain["part"] != "scope":
            continue
        thread = row["thread"].hex()
        where = f"{row['message'].hex()}.{row['position']} ({row['direction']} {row['type']})"
        # What came in came under its thread's grant, whatever the label of its key says.
        came = {grants.get(thread, "no referral")} if row["direction"] == "in" else set()
        fields = tuple(plain["fields"])
        for source in came or files.sources(row["key_ids"]):
            yield Opened("message_part", where, plain["scope"], source, "", thread, fields)


def _contents(files: Files) -> Iterator[Opened]:
    for row in files.rows("SELECT * FROM case_content"):
        case, scope, source = row["case_id"], row["scope"], row["source"]
        # Only the very case, scope and source that it was sealed for open it: these labels can't lie.
        opened = files.open(
            row["key_id"], row["sealed"], context("case_content", "sealed", f"{case}/{source}", scope)
        )
        if opened is not None and (fields := tuple(decode(opened))):
            yield Opened("case_content", case, scope, source, case, "", fields)


def _notes(files: Files) -> Iterator[Opened]:
    for row in files.rows("SELECT * FROM note"):
        opened = files.open(row["key_id"], row["sealed"], context("note", "sealed", row["id"], row["scope"]))
        if opened is not None:
            for source in {row["source"], *files.sources(row["key_id"])}:
                yield Opened("note", row["id"], row["scope"], source, row["case_id"])


def _attachments(files: Files) -> Iterator[Opened]:
    for row in files.rows("SELECT * FROM attachment"):
        place = context("attachment", "sealed", row["id"], row["scope"])
        if files.open(row["key_id"], row["sealed"], place) is not None:
            for source in {row["source"], *files.sources(row["key_id"])}:
                yield Opened("attachment", row["id"], row["scope"], source, row["case_id"])


def _snapshots(files: Files) -> Iterator[Opened]:
    for row in files.rows("SELECT * FROM referral_snapshot"):
        place = context("referral_snapshot", "sealed", row["referral_id"], row["scope"])
        if files.open(row["key_ids"], row["sealed"], place) is not None:
            for source in files.sources(row["key_ids"]):
                yield Opened(
                    "referral_snapshot", row["referral_id"], row["scope"], source, "", row["referral_id"]
                )


def _words(files: Files) -> Iterator[Opened]:
    # A word needs no key to be found again: it tells as long as it stands there.
    for row in files.rows("SELECT DISTINCT case_id, key_id FROM search_word"):
        label = files.labels.get(bytes(row["key_id"]))
        scope, source = (label.scope, label.source) if label else ("unknown", "unlabelled")
        yield Opened("search_word", row["case_id"], scope, source, row["case_id"])


def _consents(files: Files) -> Iterator[Opened]:
    yield from _own_words(files, "consent")


def _exceptions(files: Files) -> Iterator[Opened]:
    yield from _own_words(files, "consent_exception")


def _holds(files: Files) -> Iterator[Opened]:
    yield from _own_words(files, "legal_hold")


def _openings(files: Files) -> Iterator[Opened]:
    yield from _own_words(files, "case_opening")


def _drafts(files: Files) -> Iterator[Opened]:
    # What somebody typed here and has not finished: it belongs to no case yet, and never came from elsewhere.
    for row in files.rows("SELECT id, key_id, sealed, file_sealed FROM draft"):
        for column in ("sealed", "file_sealed"):
            place = context("draft", column, row["id"])
            if row[column] and files.open(row["key_id"], row[column], place) is not None:
                yield Opened("draft", row["id"], "identity", OWN)


def _kept_forms(files: Files) -> Iterator[Opened]:
    # What met a locked session, for its typist alone and for two hours: it never came from elsewhere either.
    for row in files.rows("SELECT id, key_id, sealed FROM kept_form"):
        if files.open(row["key_id"], row["sealed"], context("kept_form", "sealed", row["id"])) is not None:
            yield Opened("kept_form", row["id"], "identity", OWN)


def _tasks(files: Files) -> Iterator[Opened]:
    for row in files.rows("SELECT id, case_id, scope, key_id, sealed FROM case_task"):
        place = context("case_task", "sealed", row["id"], row["scope"])
        if files.open(row["key_id"], row["sealed"], place) is not None:
            for source in files.sources(row["key_id"]):
                yield Opened("case_task", row["id"], row["scope"], source, row["case_id"])


def _own_words(files: Files, table: str) -> Iterator[Opened]:
    for row in files.rows(f"SELECT id, case_id, key_id, sealed FROM {table}"):  # noqa: S608 - the names above
        if files.open(row["key_id"], row["sealed"], context(table, "sealed", row["id"])) is not None:
            for source in files.sources(row["key_id"]):
                yield Opened(table, row["id"], "services", source, row["case_id"])


def _numbers(files: Files) -> Iterator[Opened]:
    for row in files.rows("SELECT * FROM case_file WHERE external_number_key_id IS NOT NULL"):
        for source in files.sources(row["external_number_key_id"]):
            yield Opened("case_file", row["id"], "identity", source, row["id"])


READERS: Mapping[str, Callable[[Files], Iterator[Opened]]] = {
    "message_part": _parts,
    "case_content": _contents,
    "note": _notes,
    "attachment": _attachments,
    "referral_snapshot": _snapshots,
    "search_word": _words,
    "consent": _consents,
    "consent_exception": _exceptions,
    "case_file": _numbers,
    "legal_hold": _holds,
    "case_opening": _openings,
    "draft": _drafts,
    "kept_form": _kept_forms,
    "case_task": _tasks,
}
"""Every table with a column that is sealed, or that a content key stands for, and how it is read here."""

NAMING = frozenset({"content_key", "peer_hop_key", "authenticator", "notification_choice"})
"""Tables that hold nothing of a person who is assisted: what each key is for, peers' public keys, what
accounts' one-time codes are made from, and where an account is told that something waits."""

__all__ = ["NAMING", "OWN", "PARTS", "READERS", "Files", "Opened", "everything_that_opens", "parts_that_open"]
