"""Receipts with the names that a reader knows: of organisations, and of fields in the person's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.consent.receipt import Names, Receipt, compose, compose_discreetly
from iars_node.consent.texts import texts_in
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of
from iars_node.web.languages import SOURCE, language, translated
from iars_node.web.speech import Speech

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from iars_node.consent.model import Consent
    from iars_node.work import Work


def make_receipt(work: Work, given: Consent, zone: ZoneInfo, *, discreet: bool) -> Receipt:
    """Write a consent's receipt in the language in which the text was read."""
    require(work.actor, "consent.read")
    names = _names(work, texts_in(given.terms.notice_language).language, zone)
    record(
        work,
        "consent.receipt-made",
        subject=given.id,
        case_id=given.case_id,
        detail={"discreet": int(discreet)},
    )
    return compose_discreetly(given, names) if discreet else compose(given, names)


def _names(work: Work, code: str, zone: ZoneInfo) -> Names:
    own = identity_of(work.vault)
    locale = Locale.parse(code)
    # Where the pages have no words in the person's language, the receipt says “some details”.
    speech = Speech(language(code), zone) if code == SOURCE or code in translated() else None

    def field(scope: str, name: str) -> str:
        return "" if speech is None else speech.field(scope, name)

    def day(moment: datetime) -> str:
        return format_date(moment.astimezone(zone).date(), "long", locale=locale)

    return Names(
        own=own.listing.name(code),
        organisations={peer.node_text: peer.name(code) for peer in peers.every(work)},
        field=field,
        day=day,
        listed=lambda words: format_list(words, locale=locale),
    )
