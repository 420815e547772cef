"""What belongs to cases and waits for people: follow-ups, files, notes, a disclosure to decide about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_admin.demo import staff
from iars_node.attachments import service as attachments
from iars_node.cases import service as cases
from iars_node.consent import exceptions
from iars_node.consent import service as consents
from iars_node.consent.exception import NewException

if TYPE_CHECKING:
    from datetime import datetime

    from iars_admin.demo.year import House

# Who follows something up, and in how many days from now it is due: the first ones are late.
_FOLLOW_UPS = (
    ("case-worker", -1, "Call the embassy about the passport."),
    ("case-worker", 2, "Ask how the first week went."),
    ("coordinator", 1, "Find a bed for the time after the course."),
    ("supervisor", 3, "Look at the plan with the team."),
    ("specialist", -1, "Talk once more, with the interpreter."),
    ("specialist", 4, "Second appointment."),
    ("", 1, "Bring the winter coat that was promised."),
)
_OWN_FOLLOW_UPS = ((-1, "Ring the school."), (1, "Fill in the form for the residence permit."))
_FILES = (
    ("agreement.txt", "text/plain", "services", "An invented agreement about the room.\n"),
    ("timetable.txt", "text/plain", "services", "An invented timetable: Monday 9:00, language course.\n"),
    ("letter.txt", "text/plain", "identity", "An invented letter about a lost document.\n"),
)  # fmt: skip
_LARGEST = 64 * 1024


def give(house: House, now_is: datetime) -> None:
    """Give the organisation's newest cases what belongs to them."""
    one = house.organisation
    newest = [case_id for _person, case_id in house.everybody[-12:]]
    turn = iter(newest * 4)
    with one.work() as work:
        for role, days, text in _FOLLOW_UPS:
            name = _account(one.part.key, role)
            assigned_to = one.account(name).id if name else ""
            due_at = now_is + timedelta(days=days)
            cases.add_task(work, next(turn), "services", text, due_at=due_at, assigned_to=assigned_to)
        for days, text in _OWN_FOLLOW_UPS:
            due_at = now_is + timedelta(days=days)
            cases.add_task(work, next(turn), "services", text, due_at=due_at, assigned_to=one.worker.id)
        for case_id in newest[:4]:
            cases.add_note(work, case_id, "services", "Came by to talk; sleeps better since the move.")
    _add_files(house, newest)
    _ask_for_a_decision(house, newest[0], now_is)


def _account(key: str, role: str) -> str:
    return staff.account_of(key, role) if role else ""


def _add_files(house: House, newest: list[str]) -> None:
    one = house.organisation
    for case_id, (name, media_type, scope, text) in zip(newest, _FILES * 2, strict=False):
        stored = one.node.folder.write([text.encode()], most=_LARGEST)
        with one.work() as work:
            attachments.add_attachment(work, case_id, scope, stored, name=name, media_type=media_type)


def _ask_for_a_decision(house: House, case_id: str, now_is: datetime) -> None:
    """Write down a disclosure without consent that a supervisor has still to decide about."""
    one = house.organisation
    wanted = NewException(
        kind="vital-interest",
        recipient=one.knows[0].hex(),
        purposes=("assistance",),
        scopes=(consents.default_scope("services"), consents.default_scope("demographics")),
        expires=now_is + timedelta(days=7),
        review=now_is + timedelta(days=3),
        reason="Has not come back from the hospital and can't be asked; the ward must know what was agreed.",
        decide_within=timedelta(hours=72),
    )
    with one.work() as work:
        exceptions.record_exception(work, case_id, wanted)
