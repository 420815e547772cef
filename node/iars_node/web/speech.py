"""How the pages speak: labels, values, moments and problems in one reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from babel.lists import format_list
from babel.units import format_unit
from markupsafe import Markup, escape

from iars_node.cases.model import CLOSURE_REASONS, JOINING_REASONS, LEAVING_REASONS, RELATIONS, STAGES
from iars_node.consent.exception import KINDS, STATES
from iars_node.db import EPOCH
from iars_node.errors import NodeError, RefusedError
from iars_node.referrals import sentences
from iars_node.rights.model import TO_TELL_REASONS
from iars_node.web import labels, problems
from iars_node.web.languages import alphabetical
from iars_node.web.moments import Moments
from iars_protocol.vocabulary import REASONS, SCOPES, VOCABULARIES, Field

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from iars_node.consent.model import Recipient
    from iars_node.web.languages import Language

_LISTS: Mapping[str, Mapping[str, str]] = {
    **VOCABULARIES,
    **{f"reason.{kind}": codes for kind, codes in REASONS.items()},
    "stage": STAGES,
    "closure": CLOSURE_REASONS,
    "case_state": labels.CASE_STATES,
    "referral_state": labels.REFERRAL_STATES,
    "consent_state": labels.CONSENT_STATES,
    "consent_step": labels.CONSENT_STEPS,
    "exception_kind": KINDS,
    "exception_state": STATES,
    "approval": labels.APPROVALS,
    "step": labels.STEPS,
    "happening": labels.HAPPENINGS,
    "relation": RELATIONS,
    "household_joining": JOINING_REASONS,
    "household_leaving": LEAVING_REASONS,
    "household_reason": {**JOINING_REASONS, **LEAVING_REASONS},
    "trust": labels.TRUST,
    "outcome": labels.OUTCOMES,
    "stated": labels.STATED,
    "share": labels.SHARES,
    "disclosure": labels.DISCLOSURE_STEPS,
    "kept_back": labels.KEPT_BACK,
    "to_tell": TO_TELL_REASONS,
    "likeness": labels.LIKENESS,
}


def whole(text: str) -> Markup:
    """Return a reference that no line breaks apart and no script written from right to left turns around."""
    return Markup('<bdi class="whole">{}</bdi>').format(text)


@dataclass(frozen=True)
class Speech:
    """The words of one language in one time zone."""

    language: Language
    zone: ZoneInfo

    @cached_property
    def moments(self) -> Moments:
        """How moments are said."""
        return Moments(self.language, self.zone)

    def label(self, vocabulary: str, code: str) -> str:
        """Return the label of a code; an unknown code is shown as it came."""
        return self._said(_LISTS[vocabulary].get(code), code)

    def choices(self, vocabulary: str) -> dict[str, str]:
        """Return a list's codes with their labels."""
        return {code: self._said(label, code) for code, label in _LISTS[vocabulary].items()}

    def scope(self, code: str) -> str:
        """Return the name of a scope."""
        return self._said(SCOPES[code].label if code in SCOPES else None, code)

    def field(self, scope: str, name: str) -> str:
        """Return the name of a field; what comes beside the fields has a name too."""
        if name == "texts":
            return self.language.gettext("A sentence")
        if name == "attachments":
            return self.language.gettext("An attachment")
        known = _field(scope, name)
        return self._said(known.label if known else None, name)

    def recipient(self, recipient: Recipient, names: Mapping[str, str]) -> str:
        """Return who may learn something: an organisation's name, or a kind of organisation."""
        if recipient.node:
            return names.get(recipient.node, recipient.node[:8])
        return self.label("organisation_type", recipient.organisation_type)

    def told(self, message: str, **values: str) -> Markup:
        """Return a message for a page: a reference stays on one line, a name keeps its own direction."""
        places = {
            name: whole(value) if name == "reference" else Markup("<bdi>{}</bdi>").format(value)
            for name, value in values.items()
        }
        return escape(self.language.gettext(message)) % places

    def size(self, octets: int) -> str:
        """Return how large a file is, as a reader says it."""
        unit, length = ("kilobyte", 1024) if octets < 1024 * 1024 else ("megabyte", 1024 * 1024)
        rounded = max(1, round(octets / length))
        return str(format_unit(rounded, f"digital-{unit}", "short", locale=self.language.locale))

    def country(self, code: str) -> str:
        """Return a country's name."""
        return str(self.language.locale.territories.get(code, code))

    def tongue(self, code: str) -> str:
        """Return a language's name."""
        return str(self.language.locale.languages.get(code, code))

    @cached_property
    def countries(self) -> dict[str, str]:
        """The countries by code, in the order of their names."""
        names = self.language.locale.territories
        found = {
            code: str(name)
            for code, name in names.items()
            if len(code) == _ALPHA_2 and code not in _NO_COUNTRY
        }
        return dict(sorted(found.items(), key=lambda entry: alphabetical(entry[1])))

    @cached_property
    def tongues(self) -> dict[str, str]:
        """The languages by code, in the order of their names."""
        names = self.language.locale.languages
        found = {code: str(name) for code, name in names.items() if code.isalpha() and code.islower()}
        return dict(sorted(found.items(), key=lambda entry: alphabetical(entry[1])))

    def since_1970(self, seconds: int) -> datetime:
        """Return the moment of a protocol object's time."""
        return EPOCH + timedelta(seconds=seconds)

    def listed(self, words: Sequence[str]) -> str:
        """Return words as a list is said: “a, b and c”."""
        return format_list(words, locale=self.language.locale)

    def value(self, scope: str, name: str, value: object) -> list[str]:
        """Return a field's value as lines to be read."""
        known = _field(scope, name)
        entries = value if isinstance(value, list) else [value]
        return [self._entry(known, entry) for entry in entries]

    def _entry(self, field: Field | None, entry: object) -> str:
        if isinstance(entry, bool):
            return self.language.gettext("Yes") if entry else self.language.gettext("No")
        if isinstance(entry, Mapping):
            return self._need(entry)
        if field is not None and field.codes:
            return self.label(field.codes, str(entry))
        said = self._by_kind.get(field.kind if field else "", str)
        return said(str(entry))

    @cached_property
    def _by_kind(self) -> Mapping[str, Callable[[str], str]]:
        return {
            "country": self.country,
            "countries": self.country,
            "language": self.tongue,
            "languages": self.tongue,
            "date": self.moments.partial,
        }

    def _need(self, need: Mapping[str, object]) -> str:
        service = self.label("service", str(need.get("service", "")))
        priority = self.label("priority", str(need.get("priority", "")))
        if need.get("needed_by"):
            date = self.moments.partial(str(need["needed_by"]))
            return self.language.gettext(
                "%(service)s — %(priority)s, needed by %(date)s",
                service=service,
                priority=priority,
                date=date,
            )
        return f"{service} — {priority}"

    def sentence(self, text: str) -> str:
        """Return a sentence of the rules in this language; the general one where it is not known."""
        known = text if text in problems.SENTENCES else problems.PROBLEMS["node"]
        return self.language.gettext(known)

    def refusal(self, code: str) -> str:
        """Return the sentence for what a rule, the other side or the line refused."""
        return self.language.gettext(sentences.sentence(code))

    def problem(self, error: NodeError) -> str:
        """Return the sentence for an error: the closest one that exists in this language."""
        if isinstance(error, RefusedError) and error.reason in sentences.SENTENCES:
            return self.refusal(error.reason)
        sentence = str(error)
        if sentence in problems.SENTENCES:
            return self.language.gettext(sentence)
        return self.language.gettext(problems.PROBLEMS.get(error.code, problems.PROBLEMS["node"]))

    def fault(self, text: str) -> str:
        """Return what is wrong with a field, in this language."""
        return (
            self.language.gettext(text)
            if text in _KNOWN_FAULTS
            else self.language.gettext("This can't be used as it is.")
        )

    def _said(self, label: str | None, code: str) -> str:
        return code if label is None else self.language.gettext(label)


_ALPHA_2 = 2
_NO_COUNTRY = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})
_KNOWN_FAULTS = frozenset(problems.KIND_FAULTS.values()) | problems.SIGN_IN_FAULTS


def _field(scope: str, name: str) -> Field | None:
    known = SCOPES.get(scope)
    return None if known is None else known.fields.get(name)
