"""Receipts that call fields as the pages do, where there are pages in the person's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.consent import receipting
from iars_node.consent.texts import texts_in
from iars_node.web.languages import SOURCE, language, translated
from iars_node.web.speech import Speech

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from iars_node.consent.model import Consent
    from iars_node.consent.receipt import Receipt
    from iars_node.work import Work


def make_receipt(work: Work, given: Consent, zone: ZoneInfo, *, discreet: bool) -> Receipt:
    """Write a consent's receipt in the language in which the text was read."""
    code = texts_in(given.terms.notice_language).language
    has_pages = code == SOURCE or code in translated()
    field = Speech(language(code), zone).field if has_pages else receipting.unnamed
    return receipting.make_receipt(work, given, zone, discreet=discreet, field=field)
