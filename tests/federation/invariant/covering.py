"""What covers content at a node: read from the node's own evidence, and from nothing that anybody else knows.

Evidence is what is signed and kept: the grants and the messages that ended them, and beside them the node's
own decisions. The program's queries and rules are not asked; they are what is checked.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.federation.invariant.opening import OWN, PARTS, Files, Opened, parts_that_open

from iars_protocol.consent import Grant, Onward, Signed, Withdrawal, recipient_hash
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from iars_protocol.consent import Permission

# A scope ends for a purpose; empty stands for every one.
End = tuple[str, str]
HEARD = (
    f"{PARTS} WHERE m.direction = 'in' AND m.outcome = 'applied' "
    "AND m.type IN ('consent.withdraw/1', 'exception.approval/1')"
)
"""What was heard of ends: of all the other messages nothing has to be opened to judge."""


@lru_cache(maxsize=4096)
def _said(line: str) -> Permission:
    return Signed.from_line(line).content


@dataclass(frozen=True, slots=True)
class Thread:
    """A referral as far as coverage depends on it."""

    grant: str
    direction: str
    purpose: str
    case: str
    is_unaccepted: bool
    is_taken_over: bool


@dataclass(frozen=True, slots=True)
class Permitted:
    """An origin's word that its holder may pass a person on: the person that came under a grant."""

    way: str
    grant: str
    onward: Onward
    consent: str
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said last about one consent, as far as passing on depends on it."""

    state: str
    terms: dict[str, Any]
    not_towards: frozenset[str]


class Evidence:
    """What a node can show for holding something, at one moment of its own clock."""

    def __init__(self, files: Files, now: datetime) -> None:
        self._now = now.timestamp()
        self._grants: dict[str, tuple[str, Grant]] = {}
        self._consents: dict[str, str] = {}
        self._ends: defaultdict[str, set[End]] = defaultdict(set)
        self._untold: defaultdict[str, set[End]] = defaultdict(set)
        self._lapsed: set[str] = set()
        self._permissions: defaultdict[str, list[Permitted]] = defaultdict(list)
        self._no_longer_permitted: defaultdict[str, set[End]] = defaultdict(set)
        self._read_grants(files)
        self._read_permissions(files)
        self._read_words(files)
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
                row["direction"] == "in" and row["kind"] == "handover" and row["answered_at"] is not None,
            )
            for row in files.rows("SELECT * FROM referral")
        }

    def _read_grants(self, files: Files) -> None:
        for row in files.rows("SELECT * FROM consent_grant"):
            content = _said(row["signed"])
            if isinstance(content, Grant):
                self._grants[content.id] = (row["direction"], content)
                self._consents[content.id] = row["consent_id"]
            for scope, purpose, _node, *way in json.loads(row["ended"] or "[]"):
                (self._untold if way else self._ends)[row["id"]].add((scope, purpose))
        for row in files.rows("SELECT * FROM withdrawn_id WHERE kind = 'grant'"):
            issued = self._grants.get(row["id"])
            if issued is not None and issued[1].controller == row["issuer"].hex():
                self._ends[row["id"]] |= {(scope, purpose) for scope, purpose, *_ in json.loads(row["ended"])}

    def _read_permissions(self, files: Files) -> None:
        for row in files.rows("SELECT * FROM onward_permission"):
            content = _said(row["signed"])
            if isinstance(content, Onward):
                has_ended = row["ended_at"] is not None
                consent = row["consent_id"] or self._consents.get(row["grant_id"], "")
                permitted = Permitted(row["way"], row["grant_id"], content, consent, has_ended)
                self._permissions[content.id].append(permitted)
        for row in files.rows("SELECT * FROM withdrawn_id WHERE kind = 'onward'"):
            if any(each.onward.controller == row["issuer"].hex() for each in self._permissions[row["id"]]):
                self._no_longer_permitted[row["id"]] |= {
                    (scope, purpose) for scope, purpose, *_ in json.loads(row["ended"])
                }

    def _read_words(self, files: Files) -> None:
        rows = {row["id"]: row for row in files.rows("SELECT * FROM consent")}
        newer = {row["replaces"]: row["id"] for row in rows.values() if row["replaces"]}
        self._words: dict[str, Word] = {}
        for each in rows:
            newest = each
            while newest in newer:
                newest = newer[newest]
            row = rows[newest]
            away = frozenset(part[2] for part in json.loads(row["ended"] or "[]") if part[2])
            self._words[each] = Word(row["state"], json.loads(row["terms"]), away)

    def _read_messages(self, files: Files) -> None:
        for row, plain in parts_that_open(files, HEARD):
            if plain["part"] != "body":
                continue
            if row["type"] == "consent.withdraw/1":
                self._hear(Signed.from_plain(list(plain["body"]["signed"])).content)
            elif row["type"] == "exception.approval/1" and plain["body"]["outcome"] == "lapsed":
                self._lapsed.add(plain["body"]["grant"])

    def _hear(self, said: object) -> None:
        if not isinstance(said, Withdrawal):
            return
        ended = {(scope, purpose) for scope in said.scopes or ("",) for purpose in said.purposes or ("",)}
        for grant_id in said.grants:
            known = self._grants.get(grant_id)
            if known is not None and known[1].controller == said.controller:
                self._ends[grant_id] |= ended
        for onward_id in said.onward:
            if any(each.onward.controller == said.controller for each in self._permissions[onward_id]):
                self._no_longer_permitted[onward_id] |= ended

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

    def lacks(self, found: Opened, patience: timedelta = timedelta(0)) -> str:
        """Return what is missing for a piece of content to be held here; nothing where it is covered.

        `patience` says for how long what has expired may still open: locked, while its grace lasts. Nothing
        of it is shown.
        """
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
        onto = self.threads.get(found.referral)
        if onto is None or onto.grant == found.source:
            return self._may_not_be_held(found, grant, patience)
        # What was passed on is held like the rest of its case, also on a ground, where it could go on at all.
        held = replace(found, case=onto.case, referral="", fields=())
        return self._may_not_go_on(found, grant, onto) or self._may_not_be_held(held, grant, patience)

    def _may_not_be_held(self, found: Opened, grant: Grant, patience: timedelta) -> str:
        if found.is_in_case and (found.source, found.scope) in self._retained:
            return ""
        return self._beyond(found, grant) or self._over(found, grant, patience)

    def _may_not_go_on(self, found: Opened, grant: Grant, onto: Thread) -> str:
        if any(
            thread.is_taken_over and thread.case == onto.case and thread.grant == found.source
            for thread in self.threads.values()
        ):
            return ""
        under = self._grants[onto.grant][1]
        permission = self._permission(under)
        if permission is None or permission.grant != found.source:
            return "passed on without a permission"
        onward = permission.onward
        if onward.controller != grant.controller or found.scope not in onward.scopes:
            return "passed on beyond the permission"
        if onto.purpose not in onward.purposes or onto.purpose not in under.purposes:
            return "passed on for another purpose"
        return ""

    def _permission(self, under: Grant) -> Permitted | None:
        """Return the permission that this node used for a grant of its own."""
        fitting = [each for each in self._permissions[under.onward] if each.way == "in"]
        return fitting[0] if fitting else None

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

    def _beyond(self, found: Opened, grant: Grant) -> str:
        if grant.onward and not any(
            each.grant == grant.id and self._holds(each.onward, grant)
            for each in self._permissions[grant.onward]
        ):
            return "passed on to here outside of a permission"
        granted = grant.scope(found.scope)
        if granted is None:
            return "" if found.scope in grant.feedback else "a scope that the grant does not name"
        outside = [name for name in found.fields if not granted.allows(name, "acceptance")]
        return f"fields that the grant does not name: {', '.join(outside)}" if outside else ""

    @staticmethod
    def _holds(onward: Onward, grant: Grant) -> bool:
        # Written out once more: what the protocol makes of it is checked here too.
        return (
            grant.controller == onward.holder
            and set(grant.codes()) <= set(onward.scopes)
            and set(grant.purposes) <= set(onward.purposes)
            and grant.expires <= onward.expires
        )

    def _over(self, found: Opened, grant: Grant, patience: timedelta) -> str:
        if found.source in self._lapsed:
            return "the exception has lapsed"
        if grant.expires <= self._now - patience.total_seconds():
            return "the grant has expired"
        threads = self._threads_of(found)
        if all(thread.is_unaccepted for thread in threads):
            return "it was never accepted" if threads else "no referral"
        if all(self._has_ended(found.source, found.scope, thread) for thread in threads):
            return "it was withdrawn"
        return ""

    def _has_ended(self, grant_id: str, scope: str, thread: Thread) -> bool:
        onward = self._grants[grant_id][1].onward
        ends = self._ends[grant_id] | (self._no_longer_permitted[onward] if onward else set())
        return _covers(ends, scope, thread.purpose)

    def shared_without_ground(self) -> Iterator[str]:
        """Yield what still stands of grants that this node gave under permissions that no longer do."""
        for grant_id, (direction, grant) in self._grants.items():
            if direction != "out" or not grant.onward or grant.expires <= self._now:
                continue
            permission = self._permission(grant)
            if permission is None:
                yield f"{grant_id}: the permission {grant.onward} is not here"
                continue
            over = self._no_longer_permitted[grant.onward] | self._ends[permission.grant]
            for scope in sorted(grant.codes()):
                for purpose in grant.purposes:
                    if _covers(over, scope, purpose) and not _covers(self._ends[grant_id], scope, purpose):
                        yield f"{grant_id}: {scope} for {purpose} under {grant.onward} was withdrawn"

    def permitted_without_word(self) -> Iterator[str]:
        """Yield the permissions that this node gave, and that reach further than the person's last word."""
        for permission in (each for found in self._permissions.values() for each in found):
            onward = permission.onward
            # Of a consent that a restore has forgotten nothing is left but what was signed under it.
            is_forgotten = not permission.consent
            is_over = permission.has_ended or onward.expires <= self._now
            if permission.way == "out" and not is_forgotten and not is_over:
                lack = _no_word(onward, self._words[permission.consent])
                if lack:
                    yield f"{onward.id}: {lack}"


def _no_word(onward: Onward, word: Word) -> str:
    if word.state not in {"given", "renewed", "expired"}:
        return f"its consent was {word.state}"
    if not word.terms["is_onward_allowed"]:
        return "nobody may pass the person on any more"
    named = {each["node"] for each in word.terms["recipients"]} - word.not_towards
    if not set(onward.recipients) <= {recipient_hash(onward.salt, node) for node in named if node}:
        return "it names somebody whom the person does not"
    kinds = {each["organisation_type"] for each in word.terms["recipients"]}
    # All four are of one kind here.
    if onward.classes and (word.not_towards or not set(onward.classes) <= kinds):
        return "it names a kind of which the person has taken somebody out"
    kept = {each["scope"] for each in word.terms["withheld"] if each["node"] not in ("", onward.holder)}
    return "it holds what is kept from somebody" if kept & set(onward.scopes) else ""


def _covers(ends: set[End], scope: str, purpose: str) -> bool:
    return any(ended in ("", scope) and towards in ("", purpose) for ended, towards in ends)
