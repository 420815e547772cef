"""How the reader is told outside of the pages that something needs them: by what, about what, how often."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from iars_node.notifications import service as notifications
from iars_node.notifications import store
from iars_node.notifications.model import AT_ONCE, DAILY, HOURLY, KINDS, RHYTHMS, USUAL_HOUR, Wish
from iars_node.web.languages import N_
from iars_node.web.pages import SIGNED_IN, Pages
from iars_node.web.visit import Page, Redirect, Sheet

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()

PAGE = "/me/notifications"
ABOUT = {
    "referral": N_("A new referral came in"),
    "answer": N_("One of my referrals is answered"),
    "consent": N_("A consent of my cases ends soon"),
    "follow-up": N_("A follow-up is due"),
    "alert": N_("The node raises an alert"),
}
HOW_OFTEN = {
    AT_ONCE: N_("At once"),
    HOURLY: N_("At most once an hour"),
    DAILY: N_("Once a day, at the hour below"),
}
HOURS = {f"{hour:02d}": f"{hour:02d}:00" for hour in range(24)}


@pages.get(PAGE, SIGNED_IN)
def show_choice(visit: Visit) -> Answer:
    """Show how the reader is told, or that this node tells nobody."""
    return _page(visit, Sheet(_as_kept(visit)))


def _as_kept(visit: Visit) -> dict[str, list[str]]:
    kept = store.choice_of(visit.work.connection, visit.actor.id)
    if kept is None:
        usual = visit.account.email if visit.account else ""
        return {
            "address": [usual] if usual else [],
            "kinds": notifications.kinds_for(visit.actor),
            "rhythm": [HOURLY],
            "hour": [f"{USUAL_HOUR:02d}"],
        }
    return {
        "address": [store.address_of(visit.work.connection, visit.node.vault, visit.actor.id)],
        "kinds": sorted(kept.kinds),
        "rhythm": [kept.rhythm],
        "hour": [f"{kept.hour:02d}"],
    }


def _page(visit: Visit, sheet: Sheet) -> Page:
    offered = notifications.kinds_for(visit.actor)
    values = {
        "sheet": sheet,
        "is_on": visit.node.settings.sends_mail,
        "is_chosen": store.choice_of(visit.work.connection, visit.actor.id) is not None,
        "about": {kind: visit.gettext(words) for kind, words in ABOUT.items() if kind in offered},
        "how_often": {code: visit.gettext(words) for code, words in HOW_OFTEN.items()},
        "hours": HOURS,
        "zone": visit.node.settings.zone,
    }
    return Page("notifications.html", values)


@pages.post(PAGE, SIGNED_IN, keeps=False)
def choose(visit: Visit) -> Answer:
    """Keep how the reader wishes to be told."""
    if not visit.node.settings.sends_mail:
        return Redirect(PAGE)
    hour = visit.typed("hour")
    wish = Wish(
        visit.typed("address"),
        frozenset(visit.chosen("kinds", KINDS)),
        next(iter(visit.chosen("rhythm", dict.fromkeys(RHYTHMS))), ""),
        int(hour) if hour in HOURS else -1,
    )
    with visit.keeping(lambda sheet: _page(visit, sheet)):
        notifications.choose(visit.work, wish, ZoneInfo(visit.node.settings.zone))
    return Redirect("/me?done=notified")


@pages.post(f"{PAGE}/end", SIGNED_IN, keeps=False)
def end(visit: Visit) -> Answer:
    """Tell the reader nothing any more, and forget the address."""
    notifications.end(visit.work)
    return Redirect("/me?done=not-notified")
