"""Dates as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.cases.spreadsheet.dates import read_date
from iars_protocol.record import SCOPES, check_value

BIRTH_DATE = SCOPES["identity"].fields["birth_date"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("17.05.2004", "2004-05-17"),
        ("7.5.2004", "2004-05-07"),
        ("17/05/2004", "2004-05-17"),
        ("17-05-2004", "2004-05-17"),
        ("2004-05-17", "2004-05-17"),
        ("2004/5/7", "2004-05-07"),
        ("05.2004", "2004-05"),
        ("2004-05", "2004-05"),
        ("1998", "1998"),
        (1998, "1998"),
        (1998.0, "1998"),
        ("ca. 1998", "1998~"),
        ("Ca 1998", "1998~"),
        ("около 1998 г.", "1998~"),  # noqa: RUF001 - Cyrillic is meant
        ("1998 г.", "1998"),  # noqa: RUF001 - Cyrillic is meant
        ("1998~", "1998~"),
        ("1998?", "1998~"),
        ("~03.1998", "1998-03~"),
        (" 1998 ", "1998"),
        (datetime(2004, 5, 17, tzinfo=UTC), "2004-05-17"),
        (date(2004, 5, 17), "2004-05-17"),
        ("31.02.2004", None),
        ("17.05.04", None),
        ("soon", None),
        (38124, None),
        (1998.5, None),
        ("1066", None),
        (True, None),
        ("", None),
    ],
)
def test_each_manner_of_writing_a_date_is_read(cell: object, expected: str | None) -> None:
    assert read_date(cell) == expected


def test_the_order_of_day_and_month_is_the_mappings() -> None:
    assert read_date("05/07/2004", "mdy") == "2004-05-07"
    assert read_date("05/07/2004", "dmy") == "2004-07-05"


def test_a_pattern_reads_dates_in_words() -> None:
    assert read_date("17 May 2004", pattern="%d %B %Y") == "2004-05-17"
    assert read_date("17.05.2004", pattern="%d %B %Y") is None


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_whatever_is_read_is_a_date_of_the_record(cell: object) -> None:
    found = read_date(cell)
    if found is not None:
        check_value(BIRTH_DATE, found)
