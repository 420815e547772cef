"""Being told outside of the pages that something waits: about what, how often, by which message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

LOOK_JOB, SEND_JOB = "notification.look", "notification.send"

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "referral": "referral.accept",
        "answer": "referral.read",
        "consent": "consent.read",
        "follow-up": "case.edit",
        "alert": "alarm.read",
    }
)
"""What somebody can be told about, and the action without which it does not wait for them."""

AT_ONCE, HOURLY, DAILY = "at-once", "hourly", "daily"
RHYTHMS = (AT_ONCE, HOURLY, DAILY)
USUAL_HOUR = 8

STILL_THERE = timedelta(minutes=2)
"""Who was at the pages so lately sees it there: a session's use is written once a minute."""

LONGEST_ADDRESS = 254
# A mailbox as servers take it everywhere. Signs that end a line or a command can't be in it.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+").fullmatch


class MailError(NodeError):
    """The mail server took nothing. `reason` is a code: what the server said may name people."""

    code = "mail-refused"
    status = 502

    def __init__(self, reason: str, *, is_final: bool = False, is_address: bool = False) -> None:
        super().__init__(f"The mail server took nothing ({reason}).")
        self.reason = reason
        # Whether trying again changes nothing; whether it is this address that is refused.
        self.is_final = is_final
        self.is_address = is_address


@dataclass(frozen=True, slots=True)
class Wish:
    """What an account wishes: at which address, about what, how often, and at which hour if once a day."""

    address: str = field(repr=False)
    kinds: frozenset[str]
    rhythm: str
    hour: int = USUAL_HOUR


@dataclass(frozen=True, slots=True)
class Choice:
    """An account's wish as it is kept, without the address; when it was told, and there last."""

    account_id: str
    kinds: frozenset[str]
    rhythm: str
    hour: int
    here_at: datetime
    look_at: datetime
    told_at: datetime | None

    @property
    def is_told(self) -> bool:
        """Whether they were told since they were there last: once is enough."""
        return self.told_at is not None and self.told_at >= self.here_at


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: it says that something waits and where to sign in, and nothing else."""

    subject: str
    body: str
    language: str


def is_address(text: str) -> bool:
    """Say whether a text can be an e-mail address."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS(text) is not None


def next_look(choice: Wish | Choice, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when to look for an account again, after it was looked or told now."""
    if choice.rhythm == HOURLY:
        return now + timedelta(hours=1)
    if choice.rhythm == DAILY:
        return next_hour(now, choice.hour, zone)
    return now


def next_hour(now: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """Return the next moment at which a clock on the wall shows an hour."""
    local = now.astimezone(zone)
    wanted = datetime.combine(local.date(), time(hour), tzinfo=zone)
    if wanted.timestamp() <= now.timestamp():
        wanted = datetime.combine(local.date() + timedelta(days=1), time(hour), tzinfo=zone)
    return wanted.astimezone(now.tzinfo)
