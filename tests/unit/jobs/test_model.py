"""How retries grow, and what may stand in a job."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iars_node.jobs.model import Retries, check_payload


def test_the_wait_doubles_to_the_longest() -> None:
    retries = Retries(first=timedelta(seconds=10), longest=timedelta(minutes=1))
    assert [retries.wait(attempts).total_seconds() for attempts in (1, 2, 3, 4, 1000)] == [10, 20, 40, 60, 60]


def test_ids_and_numbers_stand_in_a_job() -> None:
    check_payload("c" * 32, {"grant": "g1", "days": 3})


@pytest.mark.parametrize(("subject", "word"), [("Ana Hoxha", "g1"), ("c1", "She was found in …")])
def test_free_text_does_not(subject: str, word: str) -> None:
    with pytest.raises(ValueError, match="ids and numbers"):
        check_payload(subject, {"word": word})
