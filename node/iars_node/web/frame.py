"""What stands around every page: the organisation, the navigation, the reader, the languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iars_node.errors import NodeError
from iars_node.referrals.service import waiting
from iars_node.vault.identity import identity_of
from iars_node.web.languages import N_
from iars_node.web.safety import TOKEN_FIELD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iars_node.web.languages import Language
    from iars_node.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    path: str
    label: str
    icon: str
    action: str


PLACES = (
    Place("/", N_("Work"), "home", ""),
    Place("/cases", N_("Cases"), "folder", "case.search"),
    Place("/referrals", N_("Referrals"), "arrows", "referral.read"),
    Place("/partners", N_("Partners"), "people", "peer.read"),
    Place("/processing", N_("Data protection"), "shield", "processing.read"),
    Place("/log", N_("Log"), "proof", "audit.read"),
)
OWN_PLACE = Place("/me", N_("Me"), "me", "")
IN_A_ROW = 5
"""As many places as one row of a phone holds in every language."""

# What a page says after something was done; the address carries the code alone.
DONE = {
    "opened": N_("The case is open."),
    "saved": N_("Saved."),
    "noted": N_("The note is kept."),
    "recorded": N_("The consent is recorded."),
    "narrowed": N_("It is taken out. Nothing of it is sent from now on, for open referrals too."),
    "decided": N_("Decided. Whoever received something is told."),
    "retained": N_("It is kept until that day, and the organisation that sent it is told."),
    "permitted": N_("It is allowed, and the organisation is told."),
    "corrected": N_("It is corrected. Whoever can be sent it gets it now; tell the others."),
    "noted-told": N_("Noted that they were told."),
    "looking": N_("The case is open to you for a time. Its owner and a supervisor are told."),
    "seen": N_("Noted that you have looked at it."),
    "held": N_("It is held. Nothing erases it until that day."),
    "withdrawn": N_("It is withdrawn. Every organisation that received something is told at once."),
    "sent": N_("The referral is on its way. You see here when it arrives and when they answer."),
    "offered": N_("The handover is offered. The case stays yours until they accept it."),
    "kept": N_("It is kept until that day; the rest is erased after the hold."),
    "ended": N_(
        "It is ended. The organisation is told, and so is everybody whom they passed the person on to."
    ),
    "added": N_("The file is kept, sealed under its part of the record."),
    "removed": N_("The file is removed."),
    "linked": N_("The household is changed."),
    "task-added": N_("It stands in the work list when its day comes."),
    "task-done": N_("Done. It is off the work list."),
    "several-sent": N_("All of them are on their way. Each shows its own answer below."),
    "step": N_("Done. The other organisation is told."),
    "merged": N_("They are one person from now on. Both cases keep their history."),
    "apart": N_("Noted: these are two persons. You are not asked about them again."),
    "parted": N_("They are two persons again, each with their own case."),
    "deleted": N_("The draft is deleted, with everything that was typed into it."),
    "refused": N_("The case is open. The person said no, so nothing of it leaves."),
    "signed-out": N_("You are signed out."),
    "session-ended": N_("That session is ended."),
    "password-changed": N_("Your password is changed, and you are signed out everywhere else."),
    "others-ended": N_("You are signed out everywhere else."),
    "passkey-added": N_("The passkey is added. You can sign in with it from now on."),
    "passkey-removed": N_("The passkey is removed. Nobody gets in with it any more."),
    "notified": N_("Kept. You are told from now on."),
    "not-notified": N_("You are told nothing any more, and your address is forgotten."),
    "codes-removed": N_("Signing in asks for no code any more."),
    "discarded": N_("What was kept is discarded."),
}


def frame_of(visit: Visit, address: str, languages: Sequence[Language]) -> dict[str, Any]:
    """Return the values that every page stands in."""
    places = [*(place for place in PLACES if not place.action or visit.may(place.action)), OWN_PLACE]
    done = DONE.get(visit.query.get("done", ""), "")
    return {
        "me": visit.account,
        "organisation": organisation(visit),
        "navigation": places,
        # On a phone the last place of the row opens the rest.
        "folded": places[IN_A_ROW - 1 :] if len(places) > IN_A_ROW else [],
        "here": _here(visit.path),
        "unanswered": waiting.count_unanswered(visit.work) if visit.may("referral.read") else 0,
        "csrf": visit.form_token,
        "languages": languages,
        "address_now": address,
        "training": visit.node.settings.training,
        "done": visit.gettext(done) if done else "",
        "may": visit.may,
        "now": visit.work.now,
        "idle_seconds": visit.node.settings.session_idle_minutes * 60,
    }


def framed(frame: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page's values within its frame.

    A page that took a name of the frame would write its own records into the navigation. A form alone that is
    shown again keeps the token that it came with.
    """
    taken = (frame.keys() & values.keys()) - {TOKEN_FIELD}
    if taken:
        names = ", ".join(sorted(taken))
        raise ValueError(f"the frame has these names already: {names}")
    return {**frame, **values}


def organisation(visit: Visit) -> str:
    """Return the organisation's name; the product's where the node can't say it."""
    try:
        return identity_of(visit.node.vault).listing.name(visit.speech.language.code)
    except NodeError:
        return "IARS"


def _here(path: str) -> str:
    first = path.split("/")[1] if "/" in path else ""
    return {
        "consents": "/cases",
        "intake": "/cases",
        "duplicates": "/cases",
        "imports": "/cases",
        "exceptions": "/cases",
        "corrections": "/cases",
        "retention": "/processing",
    }.get(first, f"/{first}")
