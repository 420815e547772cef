"""Two nodes that know each other, each in a folder of its own, served by processes of their own."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_admin.founding import Founding, found
from iars_node.accounts.access import ADMINISTRATOR
from iars_node.accounts.model import NewAccount
from iars_node.cases.model import Assignment
from iars_node.cases.service.bulk import NewCase, open_cases
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient, Terms
from iars_node.node import Node, build_node
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.settings import Settings, load_settings
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM
from iars_protocol.keys import fingerprint
from iars_protocol.listing import Listing
from tests.bench.certificate import Certificate, make_certificate
from tests.bench.children import Child
from tests.bench.people import record_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from iars_node.cases.model import Case
    from iars_node.work import Work

PASSPHRASE = "seven quiet herons over Drin"
SHARED = ("services", "demographics", "identity", "medical")
CASES_AT_ONCE = 500
LISTING_FILE = "listing.cbor"


@dataclass(frozen=True, slots=True)
class Site:
    """One node on this machine: where it lies, and the node itself as the bench opened it."""

    node: Node

    @property
    def folder(self) -> Path:
        """The node's folder."""
        return self.node.settings.folder

    @property
    def id(self) -> bytes:
        """The node's id."""
        return identity_of(self.node.vault).node_id

    def serve(self, *, batch: int = 50, in_flight: int = 8) -> Child:
        """Serve the node from a process of its own; it is locked until told otherwise."""
        environment = {
            "IARS_PASSPHRASE": PASSPHRASE,
            "IARS_BATCH_ENVELOPES": str(batch),
            "IARS_BATCHES_IN_FLIGHT": str(in_flight),
        }
        log = self.folder / "served.log"
        return Child(log, "tests.bench.node_process", str(self.folder), environment=environment)


@dataclass(frozen=True, slots=True)
class Pair:
    """A node that refers and a node that receives."""

    sender: Site
    receiver: Site
    certificate: Certificate

    def open_cases(self, count: int, first: int = 0) -> list[Offering]:
        """Open cases whose people consented to be referred to the receiver; return what to offer."""
        offerings: list[Offering] = []
        for start in range(first, first + count, CASES_AT_ONCE):
            numbers = range(start, min(start + CASES_AT_ONCE, first + count))
            with self.sender.node.works.write(SYSTEM) as work:
                offerings += [self._offering(work, case) for case in open_people(work, numbers)]
        return offerings

    def _offering(self, work: Work, case: Case) -> Offering:
        terms = Terms(
            purposes=("assistance", "return"),
            scopes=tuple(consents.default_scope(code) for code in SHARED),
            recipients=(Recipient(node=self.receiver.id.hex()),),
            expires=work.now + timedelta(days=30),
            notice_language="ro",
            how_obtained="verbal",
            feedback=("services", "medical"),
        )
        given = consents.give_consent(work, case.id, terms)
        return Offering(case.id, given.id, "MED-SCREEN", "urgent")

    def offer(self, offerings: Sequence[Offering], at_once: int = 1) -> float:
        """Make referrals that wait to be sent, so many in one transaction; return how many a second."""
        began = time.perf_counter()
        for start in range(0, len(offerings), at_once):
            with self.sender.node.works.write(SYSTEM) as work:
                for offering in offerings[start : start + at_once]:
                    referrals.send_referral(work, offering, self.receiver.id)
        return len(offerings) / (time.perf_counter() - began)


def open_people(work: Work, numbers: Sequence[int]) -> list[Case]:
    """Open the cases of numbered people, with everything that they are found by."""
    records = [record_of(number) for number in numbers]
    opened = [NewCase(record, words_of(work.vault, record), None) for record in records]
    return open_cases(work, opened, country="AL", assignment=Assignment(), training=False)


@contextmanager
def pair_of_nodes(folder: Path, new_url: Callable[[], str] | None = None) -> Iterator[Pair]:
    """Make two nodes and introduce them; `new_url` makes databases where SQLite's files won't do."""
    folder.mkdir()
    certificate = make_certificate(folder)
    with ExitStack() as closing:
        sites = []
        for name in ("shelter", "mission"):
            node = _found(folder / name, certificate, new_url)
            closing.callback(node.close)
            node.vault.unlock(PASSPHRASE)
            sites.append(Site(node))
        sender, receiver = sites
        _introduce(sender, receiver)
        _introduce(receiver, sender)
        yield Pair(sender, receiver, certificate)


def _found(folder: Path, certificate: Certificate, new_url: Callable[[], str] | None) -> Node:
    port = free_port()
    written: dict[str, object] = {
        "port": port,
        "public_url": f"https://127.0.0.1:{port}",
        "tls_certificate": str(certificate.certificate),
        "tls_key": str(certificate.key),
        "ca_file": str(certificate.certificate),
        "log_level": "warning",
    }
    if new_url is not None:
        written |= {"database_url": new_url(), "key_store_url": new_url()}
    settings: Settings = load_settings(folder, **written)
    names = {"en": folder.name.title()}
    profile = Listing("", 0, 0, names, "NGO", "AL", "UTC", ("en",), ("MED-SCREEN", "MED-CARE"))
    account = NewAccount("operator", "Operator", frozenset({ADMINISTRATOR}), PASSPHRASE)
    found(Founding(settings, profile, account, PASSPHRASE, None, keep_root=True, written=written))
    return build_node(settings)


def _introduce(one: Site, other: Site) -> None:
    presented = identity_of(other.node.vault).signed_listing.to_bytes()
    (one.folder / LISTING_FILE).write_bytes(presented)
    with one.node.works.write(SYSTEM) as work:
        peers.add_peer(work, presented)
        peers.verify_peer(work, other.id, fingerprint(other.id))


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
