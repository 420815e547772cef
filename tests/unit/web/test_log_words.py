"""The words of the audit log: every action has some of its own, short enough for a row, in every language."""

from __future__ import annotations

from collections import Counter

import pytest

from iars_node.audit.actions import ACTIONS
from iars_node.web.labels import HAPPENINGS
from iars_node.web.languages import SOURCE, language, translated
from iars_node.web.log_words import LOG_TOPICS, LOG_WORDS

LANGUAGES = (SOURCE, *translated())
LONGEST = 64
"""Letters that still fit beside a date and a code; Albanian and French need the most."""
MOST_WORDS = 10
"""Of English, whose words are whole."""


def test_every_action_has_words_and_no_words_are_of_an_action_that_there_is_not() -> None:
    assert set(LOG_WORDS) == ACTIONS


def test_every_topic_has_a_name_and_no_name_is_of_a_topic_that_there_is_not() -> None:
    assert {action.partition(".")[0] for action in ACTIONS} == set(LOG_TOPICS)


def test_what_a_case_tells_is_said_in_the_log_in_the_same_words() -> None:
    assert {code: LOG_WORDS[code] for code in HAPPENINGS} == HAPPENINGS


def test_words_begin_as_a_sentence_and_end_as_a_line() -> None:
    odd = [said for said in LOG_WORDS.values() if not said[0].isupper() or not said[-1].isalpha()]
    assert odd == []
    assert [said for said in LOG_WORDS.values() if len(said.split()) > MOST_WORDS] == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_two_actions_are_said_alike_and_none_at_length(code: str) -> None:
    said = [language(code).gettext(words) for words in LOG_WORDS.values()]
    assert [words for words, times in Counter(said).items() if times > 1] == []
    assert [words for words in said if len(words) > LONGEST] == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_two_topics_have_one_name(code: str) -> None:
    assert len({language(code).gettext(name) for name in LOG_TOPICS.values()}) == len(LOG_TOPICS)
