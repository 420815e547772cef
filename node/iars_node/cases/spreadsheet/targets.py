"""What a column can fill: a field of a scope, or one of a few things beside them."""

from __future__ import annotations

from iars_node.cases.model import STAGES
from iars_node.errors import InvalidError
from iars_protocol.record import SCOPES, VOCABULARIES, Field

EXTERNAL_NUMBER = "external_number"
STAGE = "stage"
FULL_NAME = "full_name"
TAKEN_BESIDE = {
    EXTERNAL_NUMBER: "your organisation's own number of the case",
    STAGE: "a code or label",
    FULL_NAME: "the whole name; the last word becomes the family name",
}
TAKEN = {
    "text": "text",
    "long-text": "text, also several lines",
    "email": "an e-mail address",
    "words": "a list of texts, apart by ; or a new line",
    "phone": "a telephone number, +355 69 123 4567",
    "date": "a date: 17.05.2004, 2004-05-17, 05.2004, 2004, or ca. 2004",
    "number": "a whole number",
    "flag": "yes or no",
    "code": "a code or label",
    "codes": "a list of codes or labels, apart by ; or ,",
    "country": "a country: its name, AL or ALB",
    "countries": "a list of countries, apart by ; or ,: names, AL or ALB",
    "language": "a language: its name, or its code such as sq",
    "languages": "a list of languages, apart by ; or ,: names, or codes such as sq",
    "needs": "services, apart by ; or ,, with priority and day: SHELTER:urgent:2026-05-01",
}
"""What cells are written like, by the kind of their field."""

BESIDE = {EXTERNAL_NUMBER: "File number", STAGE: "Stage", FULL_NAME: "Full name"}

_NOT_IN_CELLS = frozenset({"attachment"})


def importable_fields() -> dict[str, Field]:
    """Return the fields that a cell can fill, by target `scope.field`, in the order of the vocabulary."""
    return {
        f"{scope.code}.{name}": field
        for scope in SCOPES.values()
        for name, field in scope.fields.items()
        if not field.derived and field.kind not in _NOT_IN_CELLS
    }


def codes_of(target: str) -> dict[str, str]:
    """Return the codes that a target takes, with their labels; none where it takes other things."""
    if target == STAGE:
        return {code: label for code, label in STAGES.items() if code != "closed"}
    field = importable_fields().get(target)
    if field is None:
        return {}
    return dict(VOCABULARIES.get("service" if field.kind == "needs" else field.codes, {}))


def what_is_taken(target: str) -> str:
    """Return what cells are written like that fill a target."""
    check_target(target)
    return TAKEN_BESIDE[target] if target in BESIDE else TAKEN[importable_fields()[target].kind]


def check_target(target: str) -> None:
    """Refuse a target that a cell can't fill."""
    if target in BESIDE or target in importable_fields():
        return
    accepted = f"accepted: scope.field such as identity.given_name, or {', '.join(BESIDE)}"
    raise InvalidError("The mapping names a target that can't be filled.", {target[:80]: accepted})
