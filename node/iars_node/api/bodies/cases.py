"""Cases as other systems write and read them."""

from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue

from iars_node.api.bodies.base import (
    CASE,
    EVENING,
    MORNING,
    PERSON,
    Body,
    ClosureReason,
    Fields,
    Id,
    ScopeCode,
    StageCode,
    example,
)

_HEAD = {
    "id": CASE,
    "person_id": PERSON,
    "reference": "K-4F7Q",
    "state": "open",
    "stage": "identified",
    "closure_reason": None,
    "opened_at": MORNING,
    "updated_at": EVENING,
    "site_id": None,
    "team_id": None,
    "assigned_to": None,
    "version": 3,
    "training": False,
    "alias": None,
}


class NewCase(
    Body,
    json_schema_extra=example(
        record={
            "identity": {"given_name": "Ana", "birth_date": "1999-05~"},
            "services": {"needs": [{"service": "MED-SCREEN", "priority": "urgent"}]},
        },
        stage="identified",
        external_number="ADM-118/2026",
    ),
):
    """A case to be opened, for a new person or a known one; its content by scope and field."""

    record: dict[ScopeCode, dict[str, JsonValue]] = Field(default={}, repr=False)
    stage: StageCode = "identified"
    external_number: str | None = Field(default=None, min_length=1, max_length=100, repr=False)
    person_id: Id | None = None
    site_id: Id | None = None
    team_id: Id | None = None
    assigned_to: Id | None = None


class CaseHead(Body, json_schema_extra=example(**_HEAD)):
    """A case's head. `alias` is filled where the scope `identity` was asked for."""

    id: Id
    person_id: Id
    reference: str
    state: str
    stage: StageCode
    closure_reason: str | None
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    site_id: str | None
    team_id: str | None
    assigned_to: str | None
    version: int
    training: bool
    alias: str | None = Field(default=None, repr=False)


class FoundCase(Body, json_schema_extra=example(case=_HEAD, is_exact=True)):
    """One found case; `is_exact` is false for words that only sound alike."""

    case: CaseHead
    is_exact: bool


class CasePage(Body, json_schema_extra=example(cases=[{"case": _HEAD, "is_exact": True}], cursor=None)):
    """A page of cases, and the cursor of the next one if there is one."""

    cases: list[FoundCase]
    cursor: str | None


class CaseSearch(
    Body, json_schema_extra=example(text="Ana Munteanu", scopes=["identity"], limit=25, cursor=None)
):
    """What to search for: names, aliases, documents, phones, references. It stays out of the address."""

    text: Annotated[str, Field(min_length=1, max_length=200, repr=False)]
    scopes: tuple[ScopeCode, ...] = ()
    cursor: str | None = Field(default=None, max_length=100)
    limit: int = Field(default=25, ge=1, le=100)


class FieldContent(
    Body, json_schema_extra=example(value="Ana", source="own", basis="collected", at=MORNING, by=PERSON)
):
    """A field's value, where it comes from and since when."""

    value: JsonValue = Field(repr=False)
    source: str
    basis: str
    at: str
    by: str


class CaseNote(
    Body, json_schema_extra=example(id=CASE, source="own", at=MORNING, author=PERSON, text="Called.")
):
    """A note under a scope; its text is null once erased."""

    id: Id
    source: str
    at: AwareDatetime
    author: str
    text: str | None = Field(repr=False)


_FIELD = {"value": "Ana", "source": "own", "basis": "collected", "at": MORNING, "by": PERSON}


class ScopeContent(
    Body,
    json_schema_extra=example(version=2, fields={"given_name": _FIELD}, notes=[], locked=[], erased=[]),
):
    """One scope of a case. `version` is that of the organisation's own part: what `If-Match` names.

    `locked` and `erased` name the sources whose part can't be shown now, or ever.
    """

    version: int
    fields: dict[str, FieldContent]
    notes: list[CaseNote]
    locked: list[str]
    erased: list[str]


class CaseContent(
    Body,
    json_schema_extra=example(
        case=_HEAD,
        external_number="ADM-118/2026",
        scopes={
            "identity": {
                "version": 2,
                "fields": {"given_name": _FIELD},
                "notes": [],
                "locked": [],
                "erased": [],
            }
        },
    ),
):
    """A case with the scopes that were asked for."""

    case: CaseHead
    external_number: str | None = Field(repr=False)
    scopes: dict[str, ScopeContent]


class ScopeChange(Body, json_schema_extra=example(fields={"phone": "+355691234567", "email": None})):
    """Values to be written into a scope; null takes one away. Fields that are not named stay."""

    fields: Fields = Field(repr=False, min_length=1)


class ScopeVersion(Body, json_schema_extra=example(case_id=CASE, scope="contact", version=4)):
    """The version that a scope has now."""

    case_id: Id
    scope: ScopeCode
    version: int


class Closing(Body, json_schema_extra=example(reason="assistance-completed")):
    """Why a case is closed."""

    reason: ClosureReason


class Reopening(Body, json_schema_extra=example(stage="follow-up")):
    """The stage at which a closed case goes on."""

    stage: StageCode = "follow-up"
