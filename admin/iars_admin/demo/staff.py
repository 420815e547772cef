"""Who works at the four organisations when their nodes stay up: one account for each role, and teams."""

from __future__ import annotations

from dataclasses import dataclass

from iars_admin.demo.cast import ADMINISTRATOR, CENTRE, LOCAL_NGO, MISSION, SHELTER


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who works at an organisation: the name for signing in, what colleagues say, the role."""

    name: str
    called: str
    role: str


ROLES = (
    ("case-worker", "Case worker"),
    ("coordinator", "Coordinator"),
    ("supervisor", "Supervisor"),
    ("specialist", "Specialist"),
    ("reception", "Reception"),
    ("data-protection-officer", "Data protection officer"),
    ("auditor", "Auditor"),
    ("administrator", "Administrator"),
)
_SPECIALISTS = {
    SHELTER.key: "psychosocial",
    MISSION.key: "medical",
    CENTRE.key: "medical",
    LOCAL_NGO.key: "psychosocial",
}
_NAMES = {
    SHELTER.key: ("besnik", "mimoza", "drita", "elira", "fatos", "gent", "ilir"),
    MISSION.key: ("samir", "claire", "henrik", "amara", "luan", "ines", "tomas"),
    CENTRE.key: ("oleg", "marina", "irina", "anton", "polina", "yuri", "galina"),
    LOCAL_NGO.key: ("darya", "semyon", "zoya", "raisa", "nikita", "olga", "pavel"),
}  # fmt: skip
TEAMS = ("Day team", "Night team")


def specialist_role(key: str) -> str:
    """Return which kind of specialist an organisation has."""
    return _SPECIALISTS[key]


def members(key: str) -> tuple[Member, ...]:
    """Return those who work at an organisation beside its first administrator, in the order of the roles."""
    codes = [_SPECIALISTS[key] if code == "specialist" else code for code, _label in ROLES[:-1]]
    labels = [label.lower() for _code, label in ROLES[:-1]]
    return tuple(
        Member(name, f"{name.title()}, {label}", code)
        for name, label, code in zip(_NAMES[key], labels, codes, strict=True)
    )


def account_of(key: str, role: str) -> str:
    """Return the account that has a role of the table at an organisation."""
    if role == ADMINISTRATOR:
        return ADMINISTRATOR
    place = [code for code, _label in ROLES].index(role)
    return members(key)[place].name
