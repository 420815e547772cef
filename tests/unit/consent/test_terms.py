"""Terms as they are stored: what an older version wrote stays readable."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime

from iars_node.consent import terms as stored
from iars_node.consent.model import WORDS, Notice, Recipient, Terms, Withheld
from iars_protocol.consent import ScopeGrant

FIRST = {
    "schema": "iars-consent/1",
    "purposes": ["return"],
    "scopes": [{"code": "services", "step": "offer", "at_offer": [], "only": [], "withheld": []}],
    "recipients": [{"node": "", "organisation_type": "NGO"}],
    "expires": 1_800_000_000,
    "notice_language": "ro",
    "how_obtained": "written",
    "from_whom": "person",
    "feedback": ["services"],
    "withheld": [{"scope": "medical", "fields": ["pregnancy"], "node": ""}],
    "retention_days": 365,
    "not_before": None,
    "jurisdiction": "",
    "with_interpreter": True,
    "is_onward_allowed": False,
}
NOW = datetime(2026, 3, 2, tzinfo=UTC)
WHOLE = Terms(
    purposes=("return",),
    scopes=(ScopeGrant("services", "offer"),),
    recipients=(Recipient(organisation_type="NGO"),),
    expires=NOW,
    not_before=NOW,
    notice_language="sq",
    how_obtained="thumbprint",
    from_whom="guardian",
    withheld=(Withheld("medical", ("pregnancy",)),),
    notice=Notice("sharing", 1, "sq", "0" * 64),
    evidence=("1" * 32,),
    with_witness=True,
    is_child=True,
    assent="given",
    withdrawal_ways=("in-person", "phone"),
    reasons="Her reasons say so.",
    interpreter="The interpreter says so.",
    witness="The witness says so.",
    guardian="The guardian says so.",
    best_interests="It says why.",
    paper="It says where.",
)


def test_what_the_first_version_wrote_is_read() -> None:
    terms = stored.from_json(FIRST, b"Nobody is to know.")
    assert (terms.reasons, terms.interpreter, terms.notice, terms.evidence) == (
        "Nobody is to know.",
        "",
        None,
        (),
    )
    assert terms.withheld == (Withheld("medical", ("pregnancy",)),)
    assert terms.withdrawal_ways == ("in-person",)


def test_terms_come_out_as_they_went_in() -> None:
    plain = json.loads(json.dumps(stored.to_json(WHOLE)))
    assert stored.from_json(plain, stored.words_of(WHOLE)) == WHOLE


def test_no_free_text_stands_among_the_codes() -> None:
    assert " say" not in json.dumps(stored.to_json(WHOLE))
    assert {entry.name for entry in fields(Terms) if not entry.repr} == set(WORDS)


def test_erased_free_text_leaves_the_codes() -> None:
    left = stored.from_json(stored.to_json(WHOLE), None)
    assert left == replace(
        WHOLE, reasons="", interpreter="", witness="", guardian="", best_interests="", paper=""
    )
    assert left.with_witness
