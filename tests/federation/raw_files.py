"""Planted words, and every byte in which a node could have left them."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy.engine import make_url
from tests.federation.neighbours import settle
from tests.parts import find_postgresql

from iars_node.attachments.service import add_attachment
from iars_node.cases import service as cases
from iars_node.referrals import service as referrals
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.federation.neighbours import Neighbour

    from iars_node.cases.model import Case
    from iars_protocol.record import Record


SHORTEST_KEY = 24
BEGINNING = 10


# In a node's key store: what others may know, and does not open anything.
PUBLIC = frozenset({"key_id"})


class Markers:
    """Words that stand nowhere else, one for each place where a person's content can be."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.planted: list[str] = []

    def word(self, place: str) -> str:
        """Return a word for a place; every second one is Cyrillic, which some encoders write otherwise."""
        number = next(self._numbers)
        stem = "Жылкыбай" if number % 2 else "Zelmira"
        self.planted.append(f"{stem}{number:03}{place.replace('_', '')}")
        return self.planted[-1]

    def phone(self) -> str:
        self.planted.append(f"3556912{next(self._numbers):05}")
        return f"+{self.planted[-1]}"

    def email(self) -> str:
        self.planted.append(f"kelmendi{next(self._numbers):03}")
        return f"{self.planted[-1]}@example.org"

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """Return each word in every form in which a database could hold it."""
        for word in self.planted:
            octets = word.encode()
            for form in (
                octets,
                word.casefold().encode(),
                word.upper().encode(),
                word.encode("utf-16-le"),
                json.dumps(word)[1:-1].encode(),
                octets.hex().encode(),
                base64.b64encode(octets)[:-4],
            ):
                yield word, form

    def found_in(self, content: bytes) -> list[str]:
        """Return the words that stand in some bytes in any form."""
        # All words are made from a few stems: where none of them begins, hundreds need not be looked for.
        by_beginning: dict[bytes, list[tuple[str, bytes]]] = defaultdict(list)
        for word, form in self.forms():
            by_beginning[form[:BEGINNING]].append((word, form))
        begun = [beginning for beginning in by_beginning if beginning in content]
        return [word for each in begun for word, form in by_beginning[each] if form in content]


def record_with_everything(markers: Markers) -> Record:
    """Fill every field of every scope that can hold words."""
    made: dict[str, dict[str, Any]] = {}
    for scope in SCOPES.values():
        for field in scope.fields.values():
            if field.derived:
                continue
            value = _value(markers, field.kind, f"{scope.code}{field.name}")
            if value is not None:
                made.setdefault(scope.code, {})[field.name] = value
    made["services"]["needs"] = [{"service": "MED-SCREEN", "priority": "urgent"}]
    made["identity"]["birth_date"] = "1987-11-23"
    markers.planted.append("1987-11-23")
    return made


def _value(markers: Markers, kind: str, place: str) -> Any:
    if kind in {"text", "long-text"}:
        return markers.word(place)
    if kind == "words":
        return [markers.word(place), markers.word(place)]
    if kind == "phone":
        return markers.phone()
    return markers.email() if kind == "email" else None


def add_what_stays(shelter: Neighbour, case: Case, markers: Markers) -> str:
    """Write a note, a file number and an attachment into a case; return the attachment."""
    node = shelter.node
    stored = node.folder.write([markers.word("bytes").encode()], most=10**6)
    with node.works.write(SYSTEM) as work:
        cases.add_note(work, case.id, "psychosocial", markers.word("casenote"))
        cases.set_external_number(work, case.id, markers.word("filenumber"))
        name = f"{markers.word('filename')}.png"
        return add_attachment(work, case.id, "medical", stored, name=name, media_type="image/png").id


async def play(shelter: Neighbour, mission: Neighbour, markers: Markers) -> None:
    """Refer a person, with something to be hidden at every step; reject and cancel two more referrals."""
    case = shelter.open_case(record_with_everything(markers))
    given = shelter.give_consent(
        case,
        mission,
        scopes=tuple(SCOPES),
        reasons=markers.word("reasons"),
        feedback=("services", "medical"),
    )
    attached = add_what_stays(shelter, case, markers)
    texts = (("services", markers.word("text")), ("medical", markers.word("text")))
    sent = shelter.refer(case, given, mission, texts=texts, attachments=(attached,))
    unwanted = shelter.refer(case, given, mission, texts=(("services", markers.word("text")),))
    taken_back = shelter.refer(case, given, mission, texts=(("services", markers.word("text")),))
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id, remark=markers.word("remark"))
    mission.act(referrals.reject, unwanted.id, "other", markers.word("remark"))
    shelter.act(referrals.write_note, sent.id, [("services", markers.word("note"))])
    shelter.act(referrals.cancel, taken_back.id, "other", markers.word("remark"))
    await settle(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case.id, "medical", {"conditions": [markers.word("later")]}, country="AL")
        referrals.amend(work, sent.id)
    mission.act(referrals.begin, sent.id, remark=markers.word("remark"))
    mission.act(referrals.hold, sent.id, "other", markers.word("remark"))
    mission.act(referrals.write_note, sent.id, [("medical", markers.word("note"))])
    mission.act(referrals.complete, sent.id, remark=markers.word("remark"))
    await settle(shelter, mission)
    for side in (shelter, mission):
        side.run_jobs()
    assert shelter.referral(sent.id).state == "completed"
    with mission.node.works.write(SYSTEM) as work:
        assert referrals.received_content(work, sent.id).keys() == set(SCOPES)


def raw_bytes(side: Neighbour) -> Iterator[tuple[str, bytes]]:
    """Return what a thief of the main database has: every file of it, or its dump."""
    settings = side.node.settings
    if side.node.database.is_sqlite:
        for path in settings.folder.glob("node.sqlite*"):
            yield path.name, path.read_bytes()
        return
    url = settings.database_url
    programs = find_postgresql()
    dump = subprocess.run([str(programs / "pg_dump"), "--dbname", url], check=True, capture_output=True)
    yield "dump", dump.stdout
    for path in cluster_files(url):
        yield path.name, path.read_bytes()


def cluster_files(url: str) -> list[Path]:
    """Return the files in which the server itself keeps a database, and its log since it was made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        named = make_url(url).database
        (oid,) = connection.execute("SELECT oid FROM pg_database WHERE datname = %s", [named]).fetchone() or (
            0,
        )
    own = Path(folder, "base", str(oid))
    # The log is of the whole server: what was written before holds the databases of other tests.
    born = (own / "PG_VERSION").stat().st_mtime - 1
    log = [path for path in Path(folder, "pg_wal").iterdir() if path.stat().st_mtime >= born]
    return [path for path in (*own.iterdir(), *log) if path.is_file()]


def secrets_of(side: Neighbour) -> Iterator[tuple[str, bytes]]:
    """Return everything that opens something: private seeds, and each wrapped key of the key store."""
    identity = identity_of(side.node.vault)
    for signing in (identity.signing, identity.hop, identity.log):
        yield "seed", signing.seed
    for encryption in identity.encryption.values():
        yield "seed", encryption.seed
    keys = sqlite3.connect(side.node.settings.folder / "keys.sqlite")
    tables = [row[0] for row in keys.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        found = keys.execute(f"SELECT * FROM {table}")  # noqa: S608 - the names come from the file itself
        columns = [entry[0] for entry in found.description]
        for row in found:
            for column, value in zip(columns, row, strict=True):
                if isinstance(value, bytes) and len(value) >= SHORTEST_KEY and column not in PUBLIC:
                    yield f"{table}.{column}", value
    keys.close()


def wrapped_keys(side: Neighbour, wanted: set[bytes]) -> list[bytes]:
    """Return content keys as the key store holds them: what a thief of an old file would look for."""
    store = sqlite3.connect(side.node.settings.folder / "keys.sqlite")
    rows = store.execute("SELECT key_id, wrapped FROM vault_content_key").fetchall()
    store.close()
    return [wrapped for key_id, wrapped in rows if key_id in wanted]


def every_file(side: Neighbour) -> Iterator[tuple[str, bytes]]:
    """Return every byte that a node has on its disk: databases, logs, key store, attachments, leftovers."""
    yield from raw_bytes(side)
    for path in side.node.settings.folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(side.node.settings.folder)), path.read_bytes()
