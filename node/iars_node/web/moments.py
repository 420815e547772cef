"""Moments and days as a reader says them: in the organisation's zone, with how far away they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from babel.dates import format_date, format_datetime, format_skeleton, format_time, format_timedelta

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from iars_node.web.languages import Language

_WEEK = timedelta(days=6)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Moments:
    """Says moments in one language and zone."""

    language: Language
    zone: ZoneInfo

    def exact(self, moment: datetime) -> str:
        """Return the day and the time."""
        locale, local = self.language.locale, moment.astimezone(self.zone)
        both = str(locale.datetime_formats["medium"])
        return both.replace("{1}", format_date(local.date(), "medium", locale=locale)).replace(
            "{0}", self.clock(moment)
        )

    def machine(self, moment: datetime) -> str:
        """Return the form for the attribute `datetime`."""
        return moment.astimezone(self.zone).isoformat(timespec="seconds")

    def near(self, moment: datetime, now: datetime) -> str:
        """Return the weekday and time of a moment this week, and the day and time of any other."""
        local = moment.astimezone(self.zone)
        if abs(local.date() - now.astimezone(self.zone).date()) <= _WEEK:
            return format_datetime(moment, "EEEE HH:mm", tzinfo=self.zone, locale=self.language.locale)
        return self.exact(moment)

    def away(self, moment: datetime, now: datetime) -> str:
        """Return how far away a moment is: “in 3 hours”, “2 days ago”, “now”."""
        if abs(moment - now) < _MINUTE:
            return self.language.gettext("now")
        return format_timedelta(
            moment - now, granularity="minute", threshold=1.2, add_direction=True, locale=self.language.locale
        )

    def day(self, day: date | datetime) -> str:
        """Return a day."""
        if isinstance(day, datetime):
            day = day.astimezone(self.zone).date()
        return format_date(day, "long", locale=self.language.locale)

    def clock(self, moment: datetime) -> str:
        """Return the time of day."""
        return format_time(moment, "HH:mm", tzinfo=self.zone, locale=self.language.locale)

    def partial(self, text: str) -> str:
        """Return a date of a record, which may be a year or a month, and estimated."""
        pieces = [int(piece) for piece in text.rstrip("~").split("-")]
        year, month, day = (*pieces, 1, 1)[:3]
        skeleton = ("y", "yMMMM", "yMMMMd")[len(pieces) - 1]
        shown = format_skeleton(skeleton, date(year, month, day), locale=self.language.locale)
        return self.language.gettext("about %(date)s", date=shown) if text.endswith("~") else shown

    def end_of_day(self, day: date) -> datetime:
        """Return the last second of a day."""
        return datetime.combine(day, time(23, 59, 59), tzinfo=self.zone)

    def today(self, now: datetime) -> date:
        """Return the day that it is in the organisation's zone."""
        return now.astimezone(self.zone).date()
