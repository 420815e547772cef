"""Random protocol objects that are sound."""

from __future__ import annotations

from hypothesis import strategies as st

from iars_protocol.consent import Basis, Grant, Onward, ScopeGrant, Withdrawal
from iars_protocol.envelope import Header
from iars_protocol.parts import ScopePart
from iars_protocol.receipt import Receipt
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES, SERVICES, VOCABULARIES, Field

TIME = st.integers(0, 253_402_300_799)
SAFE = st.characters(exclude_categories=["Cs", "Cc"])


def texts(most: int = 40) -> st.SearchStrategy[str]:
    return st.text(SAFE, min_size=1, max_size=most)


def hexadecimal(length: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=length, max_size=length).map(bytes.hex)


def octets(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


def some(codes: object, least: int = 0, most: int = 5) -> st.SearchStrategy[tuple[str, ...]]:
    found = st.lists(st.sampled_from(sorted(codes)), min_size=least, max_size=most, unique=True)  # type: ignore[call-overload]
    return found.map(tuple)


_SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(SAFE, max_size=20)
PLAIN = st.recursive(
    _SCALARS | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(SAFE, max_size=8), inner, max_size=5),
    max_leaves=20,
)
JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(SAFE, max_size=8), inner, max_size=5),
    max_leaves=20,
)

_DATES = st.dates().map(str) | st.sampled_from(["2003", "2003-05", "2003~", "2003-05-31~"])
_NEEDS = st.fixed_dictionaries(
    {
        "service": st.sampled_from(sorted(SERVICES)),
        "priority": st.sampled_from(["urgent", "normal"]),
    }
)


def value_of(field: Field) -> st.SearchStrategy[object]:
    """Return values of a field's kind."""
    one = st.sampled_from(sorted(VOCABULARIES[field.codes]) if field.codes else ["none"])
    kinds: dict[str, st.SearchStrategy[object]] = {
        "text": texts(),
        "long-text": texts(200),
        "words": st.lists(texts(), min_size=1, max_size=3, unique=True),
        "date": _DATES,
        "number": st.integers(0, 1_000_000),
        "flag": st.booleans(),
        "code": one,
        "codes": st.lists(one, min_size=1, max_size=3, unique=True),
        "country": st.sampled_from(["AL", "RU", "UA"]),
        "countries": st.just(["AL", "RU"]),
        "language": st.sampled_from(["sq", "rus"]),
        "languages": st.just(["sq", "en"]),
        "phone": st.just("+35542222222"),
        "email": st.just("mira@mail.example"),
        "needs": st.lists(_NEEDS, min_size=1, max_size=3, unique_by=str),
        "attachment": hexadecimal(16),
    }
    return kinds[field.kind]


def scope_fields(code: str) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {}, optional={name: value_of(field) for name, field in SCOPES[code].fields.items()}
    )


RECORDS = st.fixed_dictionaries({}, optional={code: scope_fields(code) for code in SCOPES})


@st.composite
def scope_grants(draw: st.DrawFn, code: str) -> ScopeGrant:
    names = [*SCOPES[code].fields, "texts", "attachments"]
    return ScopeGrant(
        code,
        draw(st.sampled_from(["offer", "acceptance"])),
        at_offer=draw(some(names)),
        only=draw(some(names)),
        withheld=draw(some(names)),
    )


_APPROVED = st.builds(
    Basis,
    kind=st.sampled_from(["vital-interest", "legal-obligation", "judicial"]),
    author=texts(),
    approver=texts(),
    review=TIME,
    approval=st.just("approved"),
)
_PENDING = st.builds(Basis, st.just("judicial"), texts(), st.just(""), TIME, st.just("pending"))


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    codes = draw(some(SCOPES, least=1))
    begins = draw(st.integers(0, 10**10))
    return Grant(
        id=draw(hexadecimal(16)),
        controller=draw(hexadecimal(32)),
        recipient=draw(hexadecimal(32)),
        subject=draw(hexadecimal(16)),
        purposes=draw(some(PURPOSES, least=1)),
        scopes=tuple(draw(scope_grants(code)) for code in codes),
        created=draw(TIME),
        not_before=begins,
        expires=begins + draw(st.integers(1, 10**10)),
        retention_days=draw(st.integers(0, 36_525)),
        notice_language=draw(st.sampled_from(["sq", "en", "zh-Hant", "sr-Latn-RS"])),
        feedback=draw(some(SCOPES)),
        basis=draw(st.just(Basis()) | _APPROVED | _PENDING),
        onward=draw(st.just("") | hexadecimal(16)),
    )


ONWARD = st.builds(
    Onward,
    id=hexadecimal(16),
    controller=hexadecimal(32),
    holder=hexadecimal(32),
    scopes=some(SCOPES, least=1),
    purposes=some(PURPOSES, least=1),
    created=TIME,
    expires=TIME,
    depth=st.just(1),
    classes=some(ORGANISATION_TYPES, least=1),
    salt=hexadecimal(16),
    recipients=st.lists(hexadecimal(32), max_size=3, unique=True).map(tuple),
)
WITHDRAWALS = st.builds(
    Withdrawal,
    id=hexadecimal(16),
    controller=hexadecimal(32),
    created=TIME,
    grants=st.lists(hexadecimal(16), min_size=1, max_size=3, unique=True).map(tuple),
    onward=st.lists(hexadecimal(16), max_size=3, unique=True).map(tuple),
    scopes=some(SCOPES),
    by=st.sampled_from(["person", "other"]),
)
HEADERS = st.builds(
    Header,
    type=texts(64),
    sender=octets(32),
    recipient=octets(32),
    signing_key=octets(32),
    sealing_key=octets(32),
    thread=octets(16),
    previous=octets(32) | st.just(b""),
    seen=octets(32) | st.just(b""),
    stream=octets(16),
    number=st.integers(1, 2**53 - 1),
    created=st.integers(0, 10**10),
    expires=st.integers(10**10 + 1, 253_402_300_799),
    grant=octets(32) | st.just(b""),
    parts=st.lists(octets(32), min_size=1, max_size=64, unique=True).map(tuple),
)
RECEIPTS = st.builds(
    Receipt,
    message=octets(32),
    issuer=octets(32),
    outcome=st.just("waiting"),
    code=st.sampled_from(["unknown-seen", "out-of-order"]),
    leaf=octets(32),
    at=TIME,
    missing=st.integers(0, 2**53 - 1),
)


@st.composite
def scope_parts(draw: st.DrawFn) -> ScopePart:
    code = draw(st.sampled_from(sorted(SCOPES)))
    return ScopePart(code, draw(scope_fields(code)), tuple(draw(st.lists(texts(200), max_size=3))))
