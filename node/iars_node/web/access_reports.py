"""Papers of the person's rights, with fields and values as the pages call them in the paper's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent.receipting import names_in
from iars_node.consent.texts import languages, texts_in
from iars_node.errors import InvalidError
from iars_node.referrals import store as referral_store
from iars_node.rights import service as rights
from iars_node.rights.paper import compose_notice, compose_report
from iars_node.vault.identity import identity_of
from iars_node.web.languages import SOURCE, language, translated
from iars_node.web.speech import Speech

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from iars_node.consent.receipt import Receipt
    from iars_node.work import Work


def make_access_report(
    work: Work, case_id: str, zone: ZoneInfo, *, whole_person: bool = True, wanted: str = ""
) -> Receipt:
    """Write a person's access report in their language; its making is recorded."""
    _check_texts_in(wanted)
    report = rights.gather_report(work, case_id, whole_person=whole_person, language=wanted)
    speech = _speech(report.language, zone)
    return compose_report(report, names_in(work, report.language, zone, speech.field), speech.value)


def make_correction_notice(work: Work, told_id: str, zone: ZoneInfo, wanted: str = "") -> Receipt:
    """Write the notice of a correction that has to reach a recipient by other means."""
    _check_texts_in(wanted)
    told = rights.find_told(work, told_id)
    code = texts_in(wanted or identity_of(work.vault).listing.languages[0]).language
    speech = _speech(code, zone)
    scopes = {name.partition(".")[0] for name in told.fields}
    record = cases.read_case(work, told.case_id, scopes)
    lines = {}
    for name in told.fields:
        scope, _, field = name.partition(".")
        view = record.scopes.get(scope)
        held = view.fields.get(field) if view else None
        if held is not None:
            lines[name] = ", ".join(speech.value(scope, field, held.value))
    found = referral_store.find(work.connection, told.referral_id)
    reference = found.reference if found else ""
    return compose_notice(told, reference, lines, code, names_in(work, code, zone, speech.field))


def _check_texts_in(wanted: str) -> None:
    # The person's own language falls back to the source language; one that was asked for by name must not.
    if wanted and wanted not in languages():
        raise InvalidError(
            "There are no texts in this language; nothing was written.",
            {"language": f"accepted: {', '.join(languages())}"},
        )


def _speech(code: str, zone: ZoneInfo) -> Speech:
    # Without pages in the language, fields are called as in the source language: better than not at all.
    has_pages = code == SOURCE or code in translated()
    return Speech(language(code if has_pages else SOURCE), zone)
