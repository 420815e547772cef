"""A consent record as JSON, after ISO/IEC TS 27560:2023: its header, processing, parties and events.

The names are the standard's where it has one. `consent-record-1.schema.json` says which are always there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.consent import store
from iars_node.consent.model import WORDS
from iars_node.errors import NotFoundError
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of
from iars_protocol.vocabulary import PURPOSES, SCOPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iars_node.consent.model import Consent, History, Terms
    from iars_node.work import Work
    from iars_protocol.listing import Listing

SCHEMA_VERSION = "iars-consent-record/1"
SCHEMA_FILE = "consent-record-1.schema.json"
LAWFUL_BASIS = "consent"
PRIVACY_RIGHTS = ("access", "rectification", "erasure", "withdrawal", "complaint")


def schema() -> dict[str, Any]:
    """Return the JSON Schema that every exported record keeps to."""
    text = resources.files("iars_node.consent").joinpath(SCHEMA_FILE).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def export_record(work: Work, consent_id: str, *, with_words: bool = False) -> dict[str, Any]:
    """Return a consent's record; what people said and are called only where it is asked for."""
    require(work.actor, "consent.read")
    given = store.find(work.connection, work.vault, consent_id)
    if given is None:
        raise NotFoundError("There is no consent of this id.")
    record(
        work,
        "consent.exported",
        subject=given.id,
        case_id=given.case_id,
        detail={"words": int(with_words)},
    )
    identity = identity_of(work.vault)
    parties = _Parties(identity.node_text, identity.listing, _known(work))
    words = {name: getattr(given.terms, name) for name in WORDS if getattr(given.terms, name)}
    return {
        "schema_version": SCHEMA_VERSION,
        "record_id": given.id,
        "record_version": given.version,
        "replaces": given.replaces,
        "pii_principal_id": given.case_id,
        "status": given.state_at(work.now),
        "ended_at": _time(given.ended_at),
        "pii_processing": _processing(given.terms, parties),
        "obtained": _obtained(given.terms),
        "party_identification": parties.all_of(given.terms),
        "events": _events(given, store.history(work.connection, given.id)),
        **({"words": words} if with_words else {}),
    }


def _known(work: Work) -> dict[str, Listing]:
    return {peer.node_text: peer.listing for peer in peers.every(work)}


def _processing(terms: Terms, parties: _Parties) -> dict[str, Any]:
    return {
        "privacy_notice": None if terms.notice is None else asdict(terms.notice),
        "language": terms.notice_language,
        "purposes": [
            {
                "purpose": code,
                "description": PURPOSES[code],
                "lawful_basis": LAWFUL_BASIS,
                "services": [service.code for service in SERVICES.values() if service.purpose == code],
            }
            for code in terms.purposes
        ],
        "pii_information": [
            {
                "pii_type": scope.code,
                "sensitivity": SCOPES[scope.code].level,
                "disclosed": scope.step,
                "at_offer": list(scope.at_offer),
                "only": list(scope.only),
                "withheld": list(scope.withheld),
            }
            for scope in terms.scopes
        ],
        "withheld": [
            {"pii_type": item.scope, "fields": list(item.fields), "from": item.node}
            for item in terms.withheld
        ],
        "feedback": list(terms.feedback),
        "pii_controllers": [parties.own],
        "recipient_third_parties": [item.node or item.organisation_type for item in terms.recipients],
        "onward_sharing": terms.is_onward_allowed,
        "collection_method": terms.how_obtained,
        "storage_locations": [parties.listing.country],
        "retention_period": f"P{terms.retention_days}D",
        "jurisdiction": terms.jurisdiction or parties.listing.country,
        "withdrawal_method": list(terms.withdrawal_ways),
        "privacy_rights": list(PRIVACY_RIGHTS),
        "valid_from": _time(terms.not_before),
        "valid_until": _time(terms.expires),
    }


def _obtained(terms: Terms) -> dict[str, Any]:
    return {
        "how": terms.how_obtained,
        "from": terms.from_whom,
        "with_interpreter": terms.with_interpreter,
        "with_witness": terms.with_witness,
        "is_child": terms.is_child,
        "assent": terms.assent,
        "evidence": list(terms.evidence),
    }


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who stands behind the ids of a record."""

    own: str
    listing: Listing
    known: dict[str, Listing]

    def all_of(self, terms: Terms) -> list[dict[str, Any]]:
        """Return the controller, then each recipient."""
        return [
            _party(self.own, "controller", self.listing),
            *(
                _party(item.node, "recipient", self.known.get(item.node))
                if item.node
                else {"party_id": item.organisation_type, "party_role": "recipients-of-a-type"}
                for item in terms.recipients
            ),
        ]


def _party(party_id: str, role: str, listing: Listing | None) -> dict[str, Any]:
    named = {"party_id": party_id, "party_role": role}
    if listing is None:
        return named
    return {
        **named,
        "party_name": listing.name("en"),
        "party_type": listing.organisation_type,
        "party_country": listing.country,
    }


def _events(given: Consent, history: Iterable[History]) -> list[dict[str, Any]]:
    """Return what became of the record; of one older than its history, at least how it began."""
    entries = [
        {
            "event_time": _time(entry.at),
            "event_type": entry.step,
            "event_state": entry.state_after,
            "entity": entry.by,
            "recorded_by": entry.actor,
        }
        for entry in history
    ]
    first = {
        "event_time": _time(given.given_at),
        "event_type": "give",
        "event_state": given.state,
        "entity": "person",
        "recorded_by": given.recorded_by,
    }
    return entries or [first]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
