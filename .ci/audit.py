"""Ask a vulnerability service about the locked packages; being unable to ask is said, and is no failure."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("pypi", "osv")
# What pip-audit says when it gets no connection, as against an answer that it can't accept.
UNREACHABLE = ("ConnectionError", "Timeout", "ProxyError", "SSLError", "Max retries", "Failed to establish")


class NoAnswerError(Exception):
    """The service could not be reached, or knows none of the packages."""


@dataclass(frozen=True)
class Answer:
    """What a service said."""

    known: int
    unknown: tuple[str, ...]
    vulnerable: tuple[str, ...]


def ask(service: str, locks: list[str]) -> Answer:
    """Ask one service about every package of the lock files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        words = ["--disable-pip", "--require-hashes", "--progress-spinner=off", "--timeout=10"]
        words += [f"--vulnerability-service={service}", "--format=json", f"--output={path}"]
        words += [f"--requirement={lock}" for lock in locks]
        run = subprocess.run(
            [sys.executable, "-m", "pip_audit", *words], capture_output=True, text=True, check=False
        )
        content = path.read_text() if path.exists() else ""
    if content:
        return read(content)
    if any(word in run.stderr for word in UNREACHABLE):
        raise NoAnswerError
    sys.exit(f"pip-audit failed:\n{run.stderr}")


def read(content: str) -> Answer:
    """Read pip-audit's answer; one that knows no package at all comes from a mirror, not from the service."""
    packages = json.loads(content)["dependencies"]
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        raise NoAnswerError
    vulnerable = tuple(
        f"{package['name']} {package['version']}: {found['id']}, mended in {found['fix_versions']}"
        for package in known
        for found in package["vulns"]
    )
    unknown = tuple(package["name"] for package in packages if package not in known)
    return Answer(len(known), unknown, vulnerable)


def main(locks: list[str]) -> int:
    """Ask the services in turn until one answers."""
    for service in SERVICES:
        try:
            answer = ask(service, locks)
        except NoAnswerError:
            continue
        if answer.unknown:
            print(f"Not known to the service, so not checked: {', '.join(answer.unknown)}.")
        print("\n".join(answer.vulnerable) or f"No known vulnerability in {answer.known} packages.")
        return 1 if answer.vulnerable else 0
    print("No vulnerability service was reached: nothing was checked. Run `make audit` with a connection.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
