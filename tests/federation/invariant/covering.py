"""What covers content at a node: read from the node's own evidence, and from nothing that anybody else knows.

Evidence is what is signed and kept: the grants and the messages that ended them, and beside them the node's
own decisions. The program's queries and rules are not asked; they are what is checked.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.invariant.opening import OWN, Files, Opened, parts_that_open

from iars_protocol.consent import Grant, Signed, Withdrawal
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from datetime import datetime

# A scope ends for a purpose; empty stands for every one.
End = tuple[str, str]
WHOLE: End = ("", "")


@dataclass(frozen=True, slots=True)
class Thread:
    """A referral as far as coverage depends on it."""

    grant: str
    direction: str
    purpose: str
    case: str
    is_unaccepted: bool


class Evidence:
    """What a node can show for holding something, at one moment of its own clock."""

    def __init__(self, files: Files, now: datetime, patience: timedelta = timedelta(0)) -> None:
        self._now = now.timestamp()
        # For how long what has expired may still open: locked, while its grace lasts. Nothing of it is shown.
        self._patience = patience.total_seconds()
        self._grants: dict[str, tuple[str, Grant]] = {}
        self._ends: defaultdict[str, set[End]] = defaultdict(set)
        self._untold: defaultdict[str, set[End]] = defaultdict(set)
        self._lapsed: set[str] = set()
        self._read_grants(files)
        self._read_messages(files)
        self._read_decisions(files)
        self.threads = {
            row["id"]: Thread(
                row["grant_id"],
                row["direction"],
                SERVICES[row["service"]].purpose,
                row["case_id"],
                row["state"] == "rejected"
                or (row["answered_at"] is None and row["state"] in {"cancelled", "expired"}),
            )
            for row in files.rows("SELECT * FROM referral")
        }

    def _read_grants(self, files: Files) -> None:
        for row in files.rows("SELECT * FROM consent_grant"):
            content = Signed.from_line(row["signed"]).content
            if isinstance(content, Grant):
                self._grants[content.id] = (row["direction"], content)
            for scope, purpose, _node, *way in json.loads(row["ended"] or "[]"):
                (self._untold if way else self._ends)[row["id"]].add((scope, purpose))
        for row in files.rows("SELECT * FROM withdrawn_id WHERE kind = 'grant'"):
            issued = self._grants.get(row["id"])
            if issued is not None and issued[1].controller == row["issuer"].hex():
                self._ends[row["id"]] |= {
                    (scope, purpose) for scope, purpose, _node in json.loads(row["ended"])
                }

    def _read_messages(self, files: Files) -> None:
        for row, plain in parts_that_open(files):
            if row["direction"] != "in" or row["outcome"] != "applied" or plain["part"] != "body":
                continue
            if row["type"] == "consent.withdraw/1":
                self._hear(Signed.from_plain(list(plain["body"]["signed"])).content)
            elif row["type"] == "exception.approval/1" and plain["body"]["outcome"] == "lapsed":
                self._lapsed.add(plain["body"]["grant"])

    def _hear(self, said: object) -> None:
        if not isinstance(said, Withdrawal):
            return
        for grant_id in said.grants:
            known = self._grants.get(grant_id)
            if known is not None and known[1].controller == said.controller:
                self._ends[grant_id] |= {
                    (scope, purpose) for scope in said.scopes or ("",) for purpose in said.purposes or ("",)
                }

    def _read_decisions(self, files: Files) -> None:
        for row in files.rows("SELECT grant_id FROM exception_outcome WHERE outcome = 'lapsed'"):
            self._lapsed.add(row["grant_id"])
        self._retained = {
            (row["grant_id"], row["scope"])
            for row in files.rows(
                "SELECT e.grant_id, r.scope, r.until FROM retention r JOIN ending e ON e.id = r.ending_id"
            )
            if row["until"] > self._now * 1_000_000
        }

    def lacks(self, found: Opened) -> str:
        """Return what is missing for a piece of content to be held here; nothing where it is covered."""
        if found.source == OWN:
            return ""
        if found.source not in self._grants:
            return "no grant"
        direction, grant = self._grants[found.source]
        if direction == "out":
            # The origin's own file: what a receiver told back, as far as the person allowed it, and after a
            # restore its own words, given back by whoever had received them.
            is_own = found.scope in grant.feedback or grant.scope(found.scope) is not None
            if not is_own:
                return "not allowed as feedback"
            return "it may not be told back any more" if self._is_untold(found) else ""
        if found.is_in_case and (found.source, found.scope) in self._retained:
            return ""
        return self._beyond(found, grant) or self._over(found, grant)

    def _is_untold(self, found: Opened) -> bool:
        if found.is_in_case and (found.source, found.scope) in self._retained:
            return False
        threads = self._threads_of(found)
        return bool(threads) and all(
            any(
                scope == found.scope and to in ("", thread.purpose)
                for scope, to in self._untold[found.source]
            )
            for thread in threads
        )

    def _threads_of(self, found: Opened) -> list[Thread]:
        return [
            thread
            for name, thread in self.threads.items()
            if thread.grant == found.source
            and found.referral in ("", name)
            and found.case in ("", thread.case)
        ]

    @staticmethod
    def _beyond(found: Opened, grant: Grant) -> str:
        granted = grant.scope(found.scope)
        if granted is None:
            return "" if found.scope in grant.feedback else "a scope that the grant does not name"
        outside = [name for name in found.fields if not granted.allows(name, "acceptance")]
        return f"fields that the grant does not name: {', '.join(outside)}" if outside else ""

    def _over(self, found: Opened, grant: Grant) -> str:
        if found.source in self._lapsed:
            return "the exception has lapsed"
        if grant.expires <= self._now - self._patience:
            return "the grant has expired"
        threads = self._threads_of(found)
        if all(thread.is_unaccepted for thread in threads):
            return "it was never accepted" if threads else "no referral"
        if all(self._has_ended(found.source, found.scope, thread.purpose) for thread in threads):
            return "it was withdrawn"
        return ""

    def _has_ended(self, grant_id: str, scope: str, purpose: str) -> bool:
        return any(
            ended in ("", scope) and towards in ("", purpose) for ended, towards in self._ends[grant_id]
        )
