"""What the page for administrators says in numbers is what the code does."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from iars_admin.commands.serve import STOP_SECONDS
from iars_node.accounts.entry import CODE_LIFE
from iars_node.accounts.factors import RECOVERY_CODES
from iars_node.accounts.failures import ADDRESS_DELAY, ALARMING, FORGOTTEN_AFTER, NAME_DELAY
from iars_node.accounts.model import SHORTEST_PASSWORD
from iars_node.cases.spreadsheet.uploading import MOST_BYTES
from iars_node.settings import MIB, PREFIX, Settings
from iars_node.web.file_kinds import ENDINGS

PAGE = (Path(__file__).parents[3] / "docs" / "running-a-node.md").read_text("utf-8")
TEXT = re.sub(r"\s+", " ", PAGE)


def test_how_guessing_is_slowed_is_written_down_as_it_is() -> None:
    minutes = [int(delay.longest / timedelta(minutes=1)) for delay in (NAME_DELAY, ADDRESS_DELAY)]
    assert f"after {NAME_DELAY.free} failures of a name, and {ADDRESS_DELAY.free} of an address" in TEXT
    assert f"{minutes[0]} and {minutes[1]} minutes at most" in TEXT
    assert timedelta(days=1) == FORGOTTEN_AFTER
    assert f"{ALARMING} failures of an account are an alarm" in TEXT


def test_what_one_signs_in_by_is_written_down_as_it_is() -> None:
    assert f"A password has {SHORTEST_PASSWORD} characters or more" in TEXT
    assert RECOVERY_CODES == 10
    assert "one of ten recovery codes on paper" in TEXT
    assert timedelta(days=3) == CODE_LIFE
    assert "a one-time code of 80 bits from an administrator, for three days" in TEXT


def test_which_files_a_case_takes_is_written_down_as_it_is() -> None:
    sentence = re.search(r"A file of a case is a (.+?), up to `attachment_bytes` \((\d+) MB\)", TEXT)
    assert sentence is not None
    assert tuple(re.findall(r"\.(\w+)", sentence[1])) == ENDINGS
    assert int(sentence[2]) * MIB == Settings.model_fields["attachment_bytes"].default
    assert f".xlsx without macros, up to {MOST_BYTES // MIB} MB" in TEXT


def test_the_service_of_the_page_runs_the_node_with_little_right_and_variables_that_exist() -> None:
    unit = re.search(r"```ini\n(.+?)```", PAGE, re.DOTALL)
    assert unit is not None
    said = dict(line.split("=", 1) for line in unit[1].splitlines() if "=" in line)
    assert (said["User"], said["NoNewPrivileges"], said["ProtectSystem"]) == ("iars", "yes", "strict")
    named = dict(pair.split("=", 1) for pair in said["Environment"].split())
    assert {name.removeprefix(PREFIX).lower() for name in named} <= set(Settings.model_fields)
    credential, _, _ = said["LoadCredential"].partition(":")
    assert named["IARS_PASSPHRASE_FILE"] == f"%d/{credential}"
    assert named["IARS_FOLDER"] == f"/var/lib/{said['StateDirectory']}"
    assert said["ExecStart"].endswith("/.venv/bin/iars serve")
    assert int(said["TimeoutStopSec"]) > STOP_SECONDS


def test_every_setting_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE))
    assert "proxy_addresses" in named
    assert named - set(Settings.model_fields) == set()
