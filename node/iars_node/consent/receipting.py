"""Use case: make the receipt of a consent, with the names that this node knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.dates import format_date
from babel.lists import format_list

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.consent.receipt import Names, Receipt, compose, compose_discreetly
from iars_node.consent.texts import texts_in
from iars_node.locales import locale_of
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from iars_node.consent.model import Consent
    from iars_node.work import Work


def unnamed(_scope: str, _name: str) -> str:
    """Name no field: the receipt then says that there are some."""
    return ""


def make_receipt(
    work: Work,
    given: Consent,
    zone: ZoneInfo,
    *,
    discreet: bool,
    field: Callable[[str, str], str] = unnamed,
) -> Receipt:
    """Write a consent's receipt in the language in which the text was read; making one is recorded."""
    require(work.actor, "consent.read")
    names = names_in(work, texts_in(given.terms.notice_language).language, zone, field)
    record(
        work,
        "consent.receipt-made",
        subject=given.id,
        case_id=given.case_id,
        detail={"discreet": int(discreet)},
    )
    return compose_discreetly(given, names) if discreet else compose(given, names)


def names_in(work: Work, code: str, zone: ZoneInfo, field: Callable[[str, str], str]) -> Names:
    """Return how a paper in a language calls organisations, fields, days and lists."""
    locale = locale_of(code)

    def day(moment: datetime) -> str:
        return format_date(moment.astimezone(zone).date(), "long", locale=locale)

    return Names(
        own=identity_of(work.vault).listing.name(code),
        organisations={peer.node_text: peer.name(code) for peer in peers.every(work)},
        field=field,
        day=day,
        listed=lambda words: format_list(words, locale=locale),
    )
