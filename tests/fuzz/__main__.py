"""Feed mutated inputs to every reader: `python -m tests.fuzz --seconds 60`."""

from __future__ import annotations

import argparse
import sys
import time
from random import Random  # noqa: TID251 - inputs that a seed can repeat, no secrets

from iars_protocol.errors import ProtocolError
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS, Target

SLOWEST_SECONDS = 0.050


class Finding(Exception):  # noqa: N818 - what is found is the program's product, not its mishap
    """An input that a reader answered with a foreign error, or too late."""


def main() -> int:
    """Run until the time is over or something is found."""
    arguments = _arguments()
    chance = Random(arguments.seed)  # noqa: S311 - a repeatable choice of inputs, no secret
    end = time.monotonic() + arguments.seconds
    others = [sound for target in TARGETS.values() for sound in target.sound]
    count = 0
    while time.monotonic() < end:
        for name, target in TARGETS.items():
            octets = mutate(chance.choice(target.sound), chance, others)
            try:
                feed(target, octets)
            except Finding as finding:
                sys.stderr.write(f"{name}: {finding}\ninput: {octets.hex()}\nseed: {arguments.seed}\n")
                return 1
            count += 1
    sys.stdout.write(f"{count} inputs to {len(TARGETS)} readers: protocol errors only, none late.\n")
    return 0


def feed(target: Target, octets: bytes) -> None:
    """Give one input to a reader, or raise Finding."""
    # A reader that seems late is asked again: another process may have had the processor.
    if all(_seconds(target, octets) > SLOWEST_SECONDS for _ in range(3)):
        raise Finding(f"took more than {SLOWEST_SECONDS} s")


def _seconds(target: Target, octets: bytes) -> float:
    begin = time.process_time()
    try:
        target.read(octets)
    except ProtocolError:
        pass
    except BaseException as error:
        raise Finding(f"raised {error!r}") from error
    return time.process_time() - begin


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="repeats a run")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
