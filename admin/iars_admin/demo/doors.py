"""How to come in: for each organisation an address, and for each role an account and its password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_admin.demo import staff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.telling import Teller

SECOND_STEP = (
    "A password is enough here: these nodes are for training and reached from this machine alone. A node "
    "that others reach asks everybody for a passkey or a one-time code as well."
)


@dataclass(frozen=True, slots=True)
class Door:
    """One role's way in."""

    organisation: str
    address: str
    role: str
    account: str
    password: str

    def __repr__(self) -> str:
        return f"Door({self.organisation}, {self.role})"


def doors(organisations: Mapping[str, Organisation]) -> list[Door]:
    """Return a way in for each role at each organisation."""
    return [
        Door(one.part.name, one.url, code, name, one.secret_file(name).read_text("utf-8").strip())
        for one in organisations.values()
        for code, _label in staff.ROLES
        for name in (staff.account_of(one.part.key, code),)
    ]


def tell(teller: Teller, organisations: Mapping[str, Organisation]) -> None:
    """Show the ways in, a table for each organisation, and how the nodes end."""
    found = doors(organisations)
    labels = dict(staff.ROLES)
    for one in organisations.values():
        rows = [
            (labels[door.role], door.account, door.password)
            for door in found
            if door.organisation == one.part.name
        ]
        teller.table(f"{one.part.name}: {one.url}", ("Role", "Account", "Password"), rows)
    teller.say(SECOND_STEP)
    first = next(iter(organisations.values()))
    teller.detail(
        f"By command: iars --folder {first.folder} --passphrase-file {first.secret_file('passphrase')} "
        f"--as {first.part.worker} case list"
    )
    teller.say("The nodes go on until Ctrl-C.")


def as_json(organisations: Mapping[str, Organisation]) -> list[dict[str, str]]:
    """Return the ways in, for a program."""
    names = ("organisation", "address", "role", "account", "password")
    return [{name: getattr(door, name) for name in names} for door in doors(organisations)]
