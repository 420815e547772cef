"""Referrals from node to node beside the floor: how many a second, how late, at what cost."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from iars_node.exchange import messages
from iars_node.exchange.tables import message as message_table
from iars_node.work import SYSTEM
from iars_protocol.encoding import encode
from tests.bench.children import Child
from tests.bench.floor_process import MESSAGES_FILE
from tests.bench.machine import busy_share
from tests.bench.nodes import PASSPHRASE, Pair, Site, free_port
from tests.bench.results import Aim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.results import Results

LATENCIES = 220
FLOOR_MESSAGES = 400
QUIET_SECONDS = 0.3
MOST_NOISE = 0.1
MILLI, MICRO = 1e3, 1e6


@dataclass(frozen=True, slots=True)
class Mode:
    """How referrals travel: so many in one request, so many requests at once, so many to measure."""

    name: str
    batch: int
    in_flight: int
    count: int


ONE = Mode("1 in flight", 1, 1, 300)
MODES = (ONE, Mode("8 in flight", 1, 8, 600), Mode("batches of 50", 50, 8, 1600))


@dataclass(slots=True)
class _Found:
    """What the rounds of one mode gave, for the nodes and for the floor."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Note one round's number."""
        self.values.setdefault(name, []).append(value)


class Referrals:
    """Measures one pair of nodes beside the floor."""

    def __init__(self, results: Results, suite: str, pair: Pair, rounds: int) -> None:
        self._rounds = rounds
        self._results = results
        self._suite = suite
        self._pair = pair
        self._opened = 0
        self._found = {mode: _Found() for mode in MODES}
        self._beside = _Found()

    def measure(self) -> None:
        """Measure floor and nodes in turns, and note the medians."""
        self._results.say(f"{self._suite}: {self._rounds} rounds, floor and nodes in turns.")
        self._prepare_floor()
        with self._pair.receiver.serve() as receiver:
            receiver.ask("unlock")
            for number in range(self._rounds):
                for mode in MODES:
                    self._beside.add("noise", busy_share(QUIET_SECONDS))
                    with self._floor() as (floor_sender, floor_receiver):
                        self._run_floor(mode, floor_sender, floor_receiver)
                    self._run_nodes(mode, receiver)
                self._results.say(f"  round {number + 1} of {self._rounds} done")
        self._note()

    def _prepare_floor(self) -> None:
        """Make referrals as ever, and take their messages: the floor sends the same bytes."""
        self._make(FLOOR_MESSAGES)
        node = self._pair.sender.node
        with node.works.read(SYSTEM) as work:
            query = select(message_table.c.id).where(message_table.c.direction == "out")
            found = [bytes(each) for each in work.connection.execute(query).scalars()]
            made = [messages.load(work.connection, node.vault, each) for each in found[:FLOOR_MESSAGES]]
        octets = [each.to_bytes() for each in made if each is not None]
        (self._pair.sender.folder / MESSAGES_FILE).write_bytes(encode(octets))
        self._results.add(self._suite, "message, signed", sum(map(len, octets)) / len(octets), "B")
        with self._pair.receiver.serve() as receiver, self._pair.sender.serve() as sender:
            receiver.ask("unlock")
            sender.ask("release", count=FLOOR_MESSAGES)

    def _make(self, count: int) -> float:
        offerings = self._pair.open_cases(count, self._opened)
        self._opened += count
        return self._pair.offer(offerings)

    @contextmanager
    def _floor(self) -> Iterator[tuple[Child, Child]]:
        port = str(free_port())
        with ExitStack() as closing:
            receiver = closing.enter_context(_floor_child(self._pair.receiver, {"IARS_PORT": port}))
            sender = closing.enter_context(_floor_child(self._pair.sender, {}, f"https://127.0.0.1:{port}"))
            yield sender, receiver

    def _run_floor(self, mode: Mode, sender: Child, receiver: Child) -> None:
        before = receiver.usage()
        answer = sender.ask("send", count=mode.count, batch=mode.batch, in_flight=mode.in_flight)
        cpu = (receiver.usage().cpu - before.cpu) / mode.count
        self._keep(mode, "floor", answer, cpu)

    def _run_nodes(self, mode: Mode, receiver: Child) -> None:
        made = self._make(mode.count)
        self._beside.add("made", made)
        with self._pair.sender.serve(batch=mode.batch, in_flight=mode.in_flight) as sender:
            before = receiver.usage()
            answer = sender.ask("release", count=mode.count)
            cpu = (receiver.usage().cpu - before.cpu) / mode.count
            if mode is ONE:
                offerings = self._pair.open_cases(LATENCIES, self._opened)
                self._opened += LATENCIES
                named = [[offering.case_id, offering.consent_id] for offering in offerings]
                answer |= sender.ask("refer", peer=self._pair.receiver.id.hex(), offerings=named)
        self._keep(mode, "nodes", answer, cpu)

    def _keep(self, mode: Mode, side: str, answer: dict[str, Any], receiver_cpu: float) -> None:
        found = self._found[mode]
        found.add(f"{side} a second", answer["a_second"])
        found.add(f"{side} sender", answer["cpu"] * MICRO)
        found.add(f"{side} receiver", receiver_cpu * MICRO)
        if mode is ONE:
            cuts = quantiles(answer["latencies"], n=20)
            found.add(f"{side} median", cuts[9] * MILLI)
            found.add(f"{side} p95", cuts[18] * MILLI)

    def _note(self) -> None:
        for mode in MODES:
            self._note_mode(mode, self._found[mode].values)
        self._note_latency(self._found[ONE].values)
        add = self._results.add
        add(self._suite, "referrals made, one commit each", self._beside.values["made"], "/s")
        add(self._suite, "others' share of the processors", self._beside.values["noise"], "", Aim(MOST_NOISE))

    def _note_mode(self, mode: Mode, values: dict[str, list[float]]) -> None:
        add, name = self._results.add, mode.name
        nodes = add(self._suite, f"{name}: referrals", values["nodes a second"], "/s")
        floor = add(self._suite, f"{name}: floor", values["floor a second"], "/s")
        add(self._suite, f"{name}: nodes / floor", nodes / floor, "", Aim(0.45, at_least=True))
        for side in ("sender", "receiver"):
            add(self._suite, f"{name}: CPU each, {side}", values[f"nodes {side}"], "µs")
            add(self._suite, f"{name}: CPU each, floor's {side}", values[f"floor {side}"], "µs")

    def _note_latency(self, values: dict[str, list[float]]) -> None:
        add = self._results.add
        for name in ("median", "p95"):
            add(self._suite, f"send to stored receipt, {name}", values[f"nodes {name}"], "ms")
            add(self._suite, f"the floor's, {name}", values[f"floor {name}"], "ms")
        found = {result.name: result.value for result in self._results.found if result.suite == self._suite}
        ratio = found["send to stored receipt, median"] / found["the floor's, median"]
        add(self._suite, "median latency / floor's", ratio, "", Aim(2.5))


def _floor_child(site: Site, environment: dict[str, str], *arguments: str) -> Child:
    return Child(
        site.folder / "floor.log",
        "tests.bench.floor_process",
        str(site.folder),
        *arguments,
        environment={"IARS_PASSPHRASE": PASSPHRASE, **environment},
    )
