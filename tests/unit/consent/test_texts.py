"""What is read to people: complete in each language, and never changed under the same version."""

from __future__ import annotations

import re

import pytest

from iars_node.consent.model import FROM_WHOM, HOW_OBTAINED, WITHDRAWAL_WAYS, Notice
from iars_node.consent.texts import SOURCE, languages, text_of, texts_in, to_read_out
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES

# A text that was read out is part of people's records. Add a version; never change one.
PUBLISHED = {
    ("ar", 1): "e8bb3a2f",
    ("en", 1): "1453d56e",
    ("fr", 1): "5d2991d5",
    ("ru", 1): "f57b5274",
    ("sq", 1): "700b42f1",
}


def test_a_published_text_stays_as_it_was_read() -> None:
    found = {
        (code, text.version): text.notice.hash[:8] for code in languages() for text in texts_in(code).notices
    }
    assert found == PUBLISHED


@pytest.mark.parametrize("code", languages())
def test_every_language_says_everything(code: str) -> None:
    texts, source = texts_in(code), texts_in(SOURCE)
    assert {table: set(words) for table, words in texts.words.items()} == {
        table: set(words) for table, words in source.words.items()
    }
    for table, codes in (
        ("how", HOW_OBTAINED),
        ("from_whom", FROM_WHOM),
        ("withdraw", WITHDRAWAL_WAYS),
        ("thing", SCOPES),
        ("purpose", PURPOSES),
        ("kind", ORGANISATION_TYPES),
    ):
        assert set(texts.words[table]) == set(codes)
    for table, words in source.words.items():
        for name, text in words.items():
            places = re.findall(r"{\w+}", str(text))
            assert sorted(re.findall(r"{\w+}", str(texts.words[table][name]))) == sorted(places), name
    assert len(texts.notices[-1].sentences) == len(source.notices[-1].sentences)


@pytest.mark.parametrize("code", languages())
def test_the_discreet_words_name_no_help_and_no_organisation(code: str) -> None:
    texts = texts_in(code)
    said = " ".join([texts.word("discreet", "title"), *texts.lines("discreet", "lines")]).casefold()
    said += texts.word("discreet", "after").casefold()
    telling = [texts.words[table] for table in ("thing", "purpose", "kind")]
    for words in telling:
        for word in words.values():
            assert str(word).casefold() not in said


def test_a_language_without_a_text_gets_the_source_and_the_record_says_so() -> None:
    assert to_read_out("ro").notice.language == SOURCE
    assert text_of(to_read_out("sq").notice) == to_read_out("sq")
    assert text_of(Notice("sharing", 1, "sq", "0" * 64)) is None
    assert text_of(Notice("sharing", 1, "ro", "0" * 64)) is None
