"""The open alarms: what went wrong, about whom, how often; and that somebody took note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts.credential_store import tokens
from iars_node.audit.alarms import acknowledge, open_alarms
from iars_node.web.alarm_words import alarm_words
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.visit import Page, Redirect

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/alarms", "alarm.read")
def show_alarms(visit: Visit) -> Answer:
    """Show what nobody has taken note of, the newest first."""
    found = open_alarms(visit.work.connection)
    labels = {token.id: token.label for token in tokens(visit.work.connection)}
    names = labels | organisations(visit) | colleagues(visit, (each.subject for each in found))
    said = {each.kind: visit.gettext(alarm_words(each.kind)) for each in found}
    return Page("alarms.html", {"alarms": found, "said": said, "names": names})


@pages.post("/alarms/{alarm_id}/seen", "alarm.acknowledge")
def take_note(visit: Visit, alarm_id: str) -> Answer:
    """Close an alarm; if it happens again, there is a new one."""
    acknowledge(visit.work, alarm_id)
    return Redirect("/alarms?done=seen")
