"""The whole demo: four nodes, a year of cases, one journey, and what it proves."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iars_admin.demo import closing, doors, logs, taking_back
from iars_admin.demo.federation import acquainted, demo_folder, own_environment, served
from iars_admin.demo.journey import play_journey
from iars_admin.demo.opening import import_year
from iars_admin.demo.people import synthetic_year
from iars_admin.demo.scene import Scene
from iars_admin.demo.telling import Teller
from iars_admin.demo.year import YEAR, live
from iars_admin.timing import going_by
from iars_node.clock import SetClock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.people import Person
    from iars_admin.demo.year import Lived

AIM_SECONDS = 120


def play(
    *, folder: Path | None, is_kept_running: bool, is_silent: bool, tell: Callable[[dict[str, Any]], None]
) -> list[str]:
    """Play the demo, tell a program what it wants to know of it, and return what failed.

    No process of a node outlives it.
    """
    teller = Teller(is_silent=is_silent)
    teller.say("This demo founds four organisations' nodes on this machine. Everybody in it is invented.")
    _end_in_order_when_told()
    now_is = SystemClock().now()
    people = synthetic_year(now_is.year - 1)
    with own_environment(), demo_folder(folder) as place:
        if is_kept_running:
            organisations, lived = _lived(teller, place, people, now_is)
        else:
            organisations, lived = acquainted(place, teller), None
        with served(organisations, teller):
            summary = _journey(Scene(teller, organisations, lived=lived), place, people)
            took = f"The demo took {teller.seconds:.0f} seconds"
            teller.say(
                f"{took}."
                if teller.seconds < AIM_SECONDS or is_kept_running
                else f"{took}; the aim is {AIM_SECONDS}."
            )
            if is_kept_running:
                tell({**summary, "doors": doors.as_json(organisations), "second_step": doors.SECOND_STEP})
                doors.tell(teller, organisations)
                _wait(teller)
            else:
                tell(summary)
    failed: list[str] = summary["failed"]
    return failed


def _lived(
    teller: Teller, place: Path, people: list[Person], now_is: datetime
) -> tuple[dict[str, Organisation], Lived]:
    """Found the nodes a year ago, and live through it up to now."""
    clock = SetClock(now_is - YEAR)
    with going_by(clock):
        organisations = acquainted(place, teller)
    teller.say("The nodes that stay up have lived through a year before the journey: this takes a while.")
    lived = live(organisations, people, clock, SystemClock().now() - timedelta(seconds=5))
    teller.say(f"{lived.opened} cases were opened, month by month, and referrals went every way.")
    return organisations, lived


def _journey(scene: Scene, place: Path, people: list[Person]) -> dict[str, Any]:
    case_id = import_year(scene, place, people)
    play_journey(scene, case_id)
    closing.verify_histories(scene, place)
    closing.search_for_leaks(scene, people)
    taking_back.withdraw(scene)
    logs.verify_logs(scene, place)
    closing.tell_summary(scene)
    return closing.summary(scene)


def _end_in_order_when_told() -> None:
    # SIGTERM would end this process and leave the servers: it is taken as Ctrl-C.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)


def _wait(teller: Teller) -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        teller.say("Stopping the nodes.")
