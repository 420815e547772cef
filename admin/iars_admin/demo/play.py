"""The whole demo: four nodes, a year of cases, one journey, and what it proves."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from iars_admin.demo import closing, logs, taking_back
from iars_admin.demo.federation import demo_folder, federation, own_environment
from iars_admin.demo.journey import play_journey
from iars_admin.demo.opening import import_year
from iars_admin.demo.scene import Scene
from iars_admin.demo.telling import Teller
from iars_node.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from iars_admin.demo.organisation import Organisation

AIM_SECONDS = 120


def play(*, folder: Path | None, is_kept_running: bool, is_silent: bool) -> dict[str, Any]:
    """Play the demo; return what a program wants to know of it. No process of a node outlives it."""
    teller = Teller(is_silent=is_silent)
    teller.say("This demo founds four organisations' nodes on this machine. Everybody in it is invented.")
    _end_in_order_when_told()
    with own_environment(), demo_folder(folder) as place, federation(place, teller) as organisations:
        scene = Scene(teller, organisations)
        people, case_id = import_year(scene, place, SystemClock().now().year - 1)
        play_journey(scene, case_id)
        closing.verify_histories(scene, place)
        closing.search_for_leaks(scene, people)
        taking_back.withdraw(scene)
        logs.verify_logs(scene, place)
        closing.tell_summary(scene)
        summary = closing.summary(scene)
        took = f"The demo took {teller.seconds:.0f} seconds"
        teller.say(f"{took}." if teller.seconds < AIM_SECONDS else f"{took}; the aim is {AIM_SECONDS}.")
        if is_kept_running:
            _keep_running(teller, organisations)
    return summary


def _end_in_order_when_told() -> None:
    # SIGTERM would end this process and leave the servers: it is taken as Ctrl-C.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)


def _keep_running(teller: Teller, organisations: dict[str, Organisation]) -> None:
    rows = []
    for one in organisations.values():
        for account in ("administrator", one.part.worker):
            password = one.secret_file(account).read_text("utf-8").strip()
            rows.append((one.part.name, one.url, account, password))
    teller.table("The nodes go on until Ctrl-C", ("Organisation", "Address", "Account", "Password"), rows)
    first = next(iter(organisations.values()))
    teller.detail(
        f"By command: iars --folder {first.folder} --passphrase-file {first.secret_file('passphrase')} "
        f"--as {first.part.worker} case list"
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        teller.say("Stopping the nodes.")
