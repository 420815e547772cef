"""The paper that a person takes along: complete in their language, or giving nothing away."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pypdf import PdfReader

from iars_node.consent.model import Consent, Recipient, Terms, Withheld
from iars_node.consent.paper import print_receipt
from iars_node.consent.receipt import Names, Receipt, compose, compose_discreetly, number_of
from iars_node.consent.service import default_scope
from iars_node.consent.texts import languages, texts_in, to_read_out

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MISSION, CENTRE = "ab" * 32, "cd" * 32
NAMES = Names(
    own="House Hope",
    organisations={MISSION: "Mission Tirana", CENTRE: "مركز الأمل"},
    field=lambda _scope, name: name.upper(),
    day=lambda moment: moment.strftime("%d.%m.%Y"),
    listed=", ".join,
)
NAMELESS = replace(NAMES, field=lambda _scope, _name: "")


def agreed(code: str) -> Consent:
    terms = Terms(
        purposes=("assistance", "return"),
        scopes=(
            default_scope("services"),
            default_scope("demographics"),
            replace(default_scope("identity"), only=("given_name",)),
            replace(default_scope("medical"), withheld=("conditions",)),
        ),
        recipients=(Recipient(node=MISSION), Recipient(node=CENTRE), Recipient(organisation_type="NGO")),
        expires=NOW + timedelta(days=90),
        notice_language=code,
        how_obtained="thumbprint",
        from_whom="guardian",
        withheld=(
            Withheld("medical", ("pregnancy",)),
            Withheld("demographics", node=MISSION),
            Withheld("safety"),
        ),
        with_interpreter=True,
        with_witness=True,
        notice=to_read_out(code).notice,
        reasons="Her brother is not to know.",
    )
    return Consent("5f0c7f6c1e0b4f53a1b7d2a94c8e6f10", "1" * 32, "given", 1, "", terms, NOW, "a" * 32)


def said(receipt: Receipt) -> str:
    return "\n".join(
        [receipt.title, *(line for block in receipt.blocks for line in (block.heading, *block.lines))]
    )


def read(paper: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(paper))


@pytest.mark.parametrize("code", languages())
def test_the_discreet_paper_names_nobody_and_nothing(code: str) -> None:
    receipt = compose_discreetly(agreed(code), NAMES)
    texts = texts_in(code)
    telling = {"House Hope", "Mission Tirana", "مركز الأمل", "IARS"}
    telling |= {
        str(word) for table in ("thing", "purpose", "kind", "how") for word in texts.words[table].values()
    }
    telling |= {texts.word("receipt", name) for name in ("title", "recipients", "things", "never")}
    paper = read(print_receipt(receipt))
    shown = said(receipt) + "".join(page.extract_text() for page in paper.pages) + str(paper.metadata)
    assert not [word for word in telling if word.casefold() in shown.casefold()]
    assert "5F0C-7F6C-1E0B" in said(receipt)
    assert "31.05.2026" in said(receipt)
    assert len(paper.pages) == 1


@pytest.mark.parametrize("code", languages())
def test_the_whole_paper_says_all_that_was_agreed_to(code: str) -> None:
    text, texts = said(compose(agreed(code), NAMES)), texts_in(code)
    for word in (
        "5F0C-7F6C-1E0B", "House Hope", "Mission Tirana", "02.03.2026", "31.05.2026", "365",
        "GIVEN_NAME", "CONDITIONS, PREGNANCY", "AGE_BAND",
        *(texts.word("purpose", code) for code in ("assistance", "return")),
        *(str(word) for word in texts.words["thing"].values()),
        texts.word("receipt", "every", kind=texts.word("kind", "NGO")),
        texts.word("receipt", "onward_no"), texts.word("receipt", "feedback_none"),
        texts.word("how", "thumbprint"), texts.word("from_whom", "guardian"),
        texts.word("receipt", "with_interpreter"), texts.word("receipt", "with_witness"),
        *to_read_out(code).sentences, *texts.lines("receipt", "rights_lines"),
        texts.word("withdraw", "in-person"),
    ):  # fmt: skip
        assert word in text
    assert "brother" not in text


@pytest.mark.parametrize("code", languages())
def test_the_paper_prints_in_every_language_with_names_in_another_script(code: str) -> None:
    paper = read(print_receipt(compose(agreed(code), NAMELESS)))
    shown = "".join(page.extract_text() for page in paper.pages)
    assert "Mission Tirana" in shown
    assert "5F0C-7F6C-1E0B" in shown
    assert paper.metadata is not None
    assert set(paper.metadata) == {"/CreationDate", "/Title"}
    assert str(paper.metadata["/CreationDate"]) == "D:20000101000000Z"


def test_a_line_after_one_in_another_script_stays_readable() -> None:
    shown = "".join(page.extract_text() for page in read(print_receipt(compose(agreed("en"), NAMES))).pages)
    assert "Every organisation of this kind: non-governmental organisation" in shown


def test_without_names_for_fields_the_paper_says_that_there_are_some() -> None:
    text, texts = said(compose(agreed("ru"), NAMELESS)), texts_in("ru")
    for name in ("partly_unnamed", "only_unnamed", "some_at_once"):
        assert texts.word("receipt", name) in text


def test_a_text_that_this_node_does_not_have_word_for_word_is_not_shown_as_read() -> None:
    given = agreed("en")
    assert given.terms.notice is not None
    other = replace(given.terms, notice=replace(given.terms.notice, hash="0" * 64))
    for terms in (other, replace(other, notice=None)):
        assert texts_in("en").word("receipt", "text_read") not in said(
            compose(replace(given, terms=terms), NAMES)
        )


def test_an_ended_consent_says_so_and_a_stranger_is_called_by_number() -> None:
    ended = replace(agreed("en"), ended_at=NOW + timedelta(days=1))
    text = said(compose(ended, replace(NAMES, organisations={})))
    assert "Ended on" in text
    assert number_of(MISSION) in text
