"""The four organisations of the demo. They are invented; so are the people who work there."""

from __future__ import annotations

from dataclasses import dataclass

ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Part:
    """One organisation as it presents itself, and the account that acts there."""

    key: str
    name: str
    own_name: str
    organisation_type: str
    country: str
    zone: str
    languages: tuple[str, ...]
    services: tuple[str, ...]
    worker: str
    worker_name: str
    roles: tuple[str, ...] = ("case-worker",)

    @property
    def said(self) -> str:
        """How a sentence names it."""
        return f"the {self.key}"

    @property
    def begins(self) -> str:
        """How a sentence begins with it."""
        return f"The {self.key}"


SHELTER = Part(
    key="shelter",
    name="Shelter Harbour, Tirana",
    own_name="sq=Strehza Limani, Tiranë",
    organisation_type="NGO",
    country="AL",
    zone="Europe/Tirane",
    languages=("en", "sq"),
    services=("SHELTER", "SOC-SUPPORT", "TRN-ASSIST"),
    worker="arta",
    worker_name="Arta, case worker",
)
MISSION = Part(
    key="mission",
    name="International Mission, Tirana",
    own_name="fr=Mission internationale, Tirana",
    organisation_type="InternationalOrganisation",
    country="AL",
    zone="Europe/Tirane",
    languages=("en", "fr", "sq"),
    services=("MED-SCREEN", "TRN-ASSIST", "RET-REPAT"),
    worker="noemi",
    worker_name="Noemi, physician",
    roles=("medical", "case-worker"),
)
CENTRE = Part(
    key="centre",
    name="Rehabilitation Centre, Moscow",
    own_name="ru=Реабилитационный центр, Москва",
    organisation_type="PublicHealth",
    country="RU",
    zone="Europe/Moscow",
    languages=("en", "ru"),
    services=("ARR-RECEPTION", "MED-CARE", "PSY-SUPPORT", "TRN-DOMESTIC", "FIN-RESETTLE"),
    worker="vera",
    worker_name="Vera, case worker",
)
LOCAL_NGO = Part(
    key="NGO",
    name="Opora, Kostroma",
    own_name="ru=Опора, Кострома",
    organisation_type="NGO",
    country="RU",
    zone="Europe/Moscow",
    languages=("en", "ru"),
    services=("FUP-PSY", "FUP-MED", "RI-COUNSEL"),
    worker="lidia",
    worker_name="Lidia, psychologist",
)

PARTS = (SHELTER, MISSION, CENTRE, LOCAL_NGO)

# Who is introduced to whom: nobody knows more organisations than it works with.
ACQUAINTED = ((SHELTER, MISSION), (SHELTER, CENTRE), (CENTRE, LOCAL_NGO))
