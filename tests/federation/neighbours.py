"""Two or more nodes in one process: real databases, real vaults, a wire that a test can disturb."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.conftest import CHEAP, PASSPHRASE

from iars_node.app import create_app
from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.consent.model import Consent, Recipient, Terms
from iars_node.errors import NodeError
from iars_node.exchange.transport import Transport, UnreachableError
from iars_node.jobs.model import Worker
from iars_node.jobs.service import run_due, schedule
from iars_node.node import STANDING_JOBS, Node, build_node
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.settings import Settings
from iars_node.vault.identity import create_identity, identity_of
from iars_node.vault.vault import Vault
from iars_node.work import SYSTEM
from iars_protocol.keys import fingerprint
from iars_protocol.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fastapi import FastAPI

    from iars_node.cases.model import Case
    from iars_node.clock import Clock
    from iars_node.referrals.model import Referral
    from iars_node.referrals.service.verifying import History
    from iars_protocol.record import Record


class Wire(Transport):
    """Carries requests between nodes of one process. `disturb` may alter a body, or lose it (None)."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self.disturb: Callable[[str, bytes], bytes | None] = lambda _direction, body: body
        self.requests = 0

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Hand a request to the node that the address names, and its answer back."""
        del method
        self.requests += 1
        node = self.nodes.get(urlsplit(url).hostname or "")
        sent = self.disturb("request", body)
        if node is None or sent is None:
            raise UnreachableError("connection")
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            answer = await node.reception.receive(lowered, sent)
        except NodeError as error:
            return error.status, b""
        returned = self.disturb("answer", answer)
        if returned is None:
            raise UnreachableError("connection")
        return 200, returned


PERSON: Record = {
    "services": {
        "needs": [{"service": "MED-SCREEN", "priority": "urgent"}],
        "constraints": ["female staff"],
    },
    "demographics": {"gender": "Feminine", "citizenships": ["MD"], "languages": ["ro", "ru"]},
    "identity": {"given_name": "Ana", "family_name": "Munteanu", "birth_date": "1999-05"},
    "medical": {"conditions": ["asthma"], "pregnancy": "unknown"},
    "exploitation": {"narrative": "She was promised work in a hotel.", "types": ["SexualExploitation"]},
    "safety": {"risk": "high", "shelter_location": "a house by the lake"},
}
SHARED = ("services", "demographics", "identity", "medical")


class Neighbour:
    """A node with its own people's view: what a test does on one side."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @cached_property
    def app(self) -> FastAPI:
        """The node's application, which all its readers share as they do where it is served."""
        return create_app(self.node)

    @property
    def id(self) -> bytes:
        return identity_of(self.node.vault).node_id

    def open_case(self, record: Record | None = None) -> Case:
        with self.node.works.write(SYSTEM) as work:
            return cases.open_case(work, country="AL", record=record or PERSON)

    def give_consent(
        self, case: Case, to: Neighbour, *, scopes: tuple[str, ...] = SHARED, **changes: object
    ) -> Consent:
        with self.node.works.write(SYSTEM) as work:
            terms = {
                "purposes": ("assistance", "return"),
                "scopes": tuple(consents.default_scope(code) for code in scopes),
                "recipients": (Recipient(node=to.id.hex()),),
                "expires": work.now + timedelta(days=30),
                "notice_language": "ro",
                "how_obtained": "verbal",
                "feedback": ("services", "medical"),
            }
            return consents.give_consent(work, case.id, Terms(**{**terms, **changes}))  # type: ignore[arg-type]

    def refer(self, case: Case, given: Consent, to: Neighbour, **changes: object) -> Referral:
        offering = {"service": "MED-SCREEN", "priority": "urgent", **changes}
        with self.node.works.write(SYSTEM) as work:
            return referrals.send_referral(work, Offering(case.id, given.id, **offering), to.id)  # type: ignore[arg-type]

    def act(self, use_case: Callable[..., Referral], *arguments: object, **named: object) -> Referral:
        with self.node.works.write(SYSTEM) as work:
            return use_case(work, *arguments, **named)

    def referral(self, referral_id: str) -> Referral:
        with self.node.works.read(SYSTEM) as work:
            return referrals.get(work, referral_id)

    def history(self, referral_id: str) -> History:
        with self.node.works.read(SYSTEM) as work:
            return referrals.history(work, referral_id)

    def run_jobs(self) -> int:
        """Run what is due now, standing jobs included."""
        with self.node.works.write(SYSTEM) as work:
            for kind in STANDING_JOBS:
                schedule(work, kind, work.now)
        return run_due(self.node.works, Worker("test", self.node.jobs))

    async def send(self, *to: Neighbour) -> None:
        """Send everything that waits for these neighbours."""
        for neighbour in to:
            await self.node.sender.send_once(neighbour.id)


@lru_cache(maxsize=32)
def _key_store(name: str, now: datetime) -> bytes:
    """Return the key store of an organisation, made once: under one name it is the same one in every test."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "keys.sqlite"
        vault = Vault.create(f"sqlite:///{path}", PASSPHRASE, cost=CHEAP)
        profile = Listing(
            "",
            0,
            0,
            {"en": name.title()},
            "NGO",
            "AL",
            "Europe/Tirane",
            ("sq", "en"),
            ("MED-SCREEN", "MED-CARE"),
        )
        create_identity(vault, profile, endpoints=[f"https://{name}"], now=now)
        vault.close()
        return path.read_bytes()


def make_neighbour(
    folder: Path, name: str, wire: Wire, clock: Clock, database_url: str | None = None, **changes: object
) -> Neighbour:
    """Make a node with an identity and tables, reachable on the wire under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, object] = {"folder": folder, "zone": "Europe/Tirane", **changes}
    if database_url:
        values["database_url"] = database_url
    settings = Settings(**values)  # type: ignore[arg-type]
    # SQLite gives its log files the rights of this one.
    keys = folder / "keys.sqlite"
    keys.touch(mode=0o600)
    keys.write_bytes(_key_store(name, clock.now()))
    node = build_node(settings, clock=clock, transport=wire)
    node.vault.unlock(PASSPHRASE)
    wire.nodes[name] = node
    return Neighbour(node)


def introduce(*neighbours: Neighbour) -> None:
    """Pin every node at every other, as after comparing fingerprints."""
    for one in neighbours:
        for other in neighbours:
            if one is other:
                continue
            with one.node.works.write(SYSTEM) as work:
                peers.add_peer(work, identity_of(other.node.vault).signed_listing.to_bytes())
                peers.verify_peer(work, other.id, fingerprint(other.id))


async def settle(*neighbours: Neighbour, rounds: int = 4) -> None:
    """Let everybody send until nothing waits."""
    for _ in range(rounds):
        for one in neighbours:
            await one.send(*(other for other in neighbours if other is not one))
        await asyncio.sleep(0)
