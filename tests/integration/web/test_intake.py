from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.pages import Reader, World, words

from iars_node.consent import service as consents
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock

PERSON = {
    "identity.alias": "Blue bird",
    "identity.birth_date": "2004",
    "identity.birth_date.estimated": "yes",
    "demographics.languages": ["Arabic"],
    "contact.phone": "069 123 4567",
}
NEED = {"service": "MED-SCREEN", "priority": "urgent", "services.constraints": "female staff"}
AGREED = {"language": "ar", "agreed": "yes", "scopes": ["demographics", "identity"]}


def begun(reader: Reader, **typed: object) -> str:
    reader.get("/intake")
    answer = reader.post("/intake", {**PERSON, **typed})
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"].removesuffix("/need")


def ready(reader: Reader, world: World, **typed: object) -> str:
    path = begun(reader, **typed)
    assert reader.post(f"{path}/need", NEED).headers["location"] == f"{path}/help"
    chosen = reader.post(f"{path}/help", {"peer": world.mission.id.hex()})
    assert chosen.headers["location"] == f"{path}/agreed"
    assert reader.post(f"{path}/agreed", AGREED).headers["location"] == f"{path}/check"
    return path


def sent_from(reader: Reader, path: str) -> str:
    page = reader.get(f"{path}/check").text
    mark = re.search(r'name="shown" value="([0-9a-f]+)"', page)
    assert mark, words(page)
    answer = reader.post(f"{path}/send", {"shown": mark[1]})
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"]


def cases_here(world: World) -> int:
    with world.shelter.node.works.read(SYSTEM) as work:
        return int(work.connection.exec_driver_sql("SELECT count(*) FROM case_file").scalar_one())


def test_an_alias_a_need_and_a_verbal_consent_become_a_referral(either_world: World) -> None:
    world = either_world
    besa = Reader(world.shelter).enter()
    path = ready(besa, world)
    assert cases_here(world) == 0
    location = sent_from(besa, path)
    assert re.fullmatch(r"/referrals/[0-9a-f]{32}\?done=sent", location)
    page = words(besa.get(location).text)
    assert "The referral is on its way" in page
    assert "On its way; it has not arrived yet" in page
    with world.shelter.node.works.read(SYSTEM) as work:
        sent = referrals.get(work, location[11:43])
        given = consents.get(work, sent.consent_id)
    assert (sent.service, sent.priority) == ("MED-SCREEN", "urgent")
    assert given.terms.how_obtained == "verbal"
    assert given.terms.notice_language == "ar"
    assert [scope.code for scope in given.terms.scopes] == ["services", "demographics", "identity"]


def test_the_check_shows_exactly_what_leaves_and_leaves_no_trace_of_itself(
    world: World, besa: Reader
) -> None:
    path = ready(besa, world)
    page = words(besa.get(f"{path}/check").text)
    assert "Blue bird" in page
    assert "female staff" in page
    assert "Never leaves" in page
    assert cases_here(world) == 0
    with world.shelter.node.works.read(SYSTEM) as work:
        events = work.connection.exec_driver_sql("SELECT action FROM audit_event").scalars().all()
    assert "case.opened" not in events


def test_the_text_is_read_out_in_the_persons_language(world: World, besa: Reader) -> None:
    path = begun(besa)
    besa.post(f"{path}/need", NEED)
    besa.post(f"{path}/help", {"peer": world.mission.id.hex()})
    page = besa.get(f"{path}/agreed").text
    assert 'lang="ar" dir="rtl"' in page
    other = besa.get(f"{path}/agreed?language=fr").text
    assert 'lang="fr" dir="ltr"' in other
    assert 'name="language" value="fr"' in other


def test_without_an_agreement_nothing_can_be_sent(world: World, besa: Reader) -> None:
    path = begun(besa)
    besa.post(f"{path}/need", NEED)
    besa.post(f"{path}/help", {"peer": world.mission.id.hex()})
    answer = besa.post(f"{path}/agreed", {"language": "ar", "scopes": ["identity"]})
    assert answer.status_code == 422
    assert "Until then nothing is sent" in answer.text
    assert besa.get(f"{path}/check").headers["location"] == f"{path}/agreed"
    assert besa.post(f"{path}/send", {"shown": "0" * 64}).headers["location"] == f"{path}/agreed"


def test_who_says_no_is_kept_here_and_nothing_leaves(world: World, besa: Reader) -> None:
    path = begun(besa)
    besa.post(f"{path}/need", NEED)
    besa.post(f"{path}/help", {"peer": world.mission.id.hex()})
    answer = besa.post(f"{path}/refused")
    assert re.fullmatch(r"/cases/[0-9a-f]{32}\?done=refused", answer.headers["location"])
    page = words(besa.get(answer.headers["location"]).text)
    assert "nothing of it leaves" in page
    assert "Refused" in page
    with world.shelter.node.works.read(SYSTEM) as work:
        assert referrals.of_case(work, answer.headers["location"][7:39]) == []


def test_wrong_answers_are_kept_and_said_beside_their_fields(besa: Reader) -> None:
    besa.get("/intake")
    answer = besa.post("/intake", {"identity.birth_date": "last spring", "contact.phone": "069 1"})
    assert answer.status_code == 422
    for name in ("identity.alias", "identity.birth_date"):
        assert f'href="#f-{name}"' in answer.text
        assert f'id="fault-{name}"' in answer.text
    assert 'value="last spring"' in answer.text
    action = re.search(r'action="(/intake/[0-9a-f]{32}/person)"', answer.text)
    assert action
    assert 'value="last spring"' in besa.get(action[1]).text
    mended = besa.post(action[1], PERSON)
    assert mended.headers["location"].endswith("/need")


def test_a_draft_waits_at_home_through_a_restart_and_can_be_deleted(world: World, besa: Reader) -> None:
    path = begun(besa)
    again = Reader(world.shelter).enter()
    home = again.get("/").text
    assert f'href="{path}/check"' in home
    assert again.get(f"{path}/check").headers["location"] == f"{path}/need"
    assert "Blue bird" not in home
    assert 'value="Blue bird"' in again.get(f"{path}/person").text
    deleted = again.post(f"/drafts/{path.split('/')[2]}/delete")
    assert deleted.headers["location"] == "/?done=deleted"
    assert again.get(f"{path}/person").status_code == 404
    assert path not in again.get("/").text


def test_a_deleted_draft_is_gone_with_its_key(world: World, besa: Reader) -> None:
    path = begun(besa)
    draft_id = path.split("/")[2]
    node = world.shelter.node
    with node.works.read(SYSTEM) as work:
        row = work.connection.exec_driver_sql("SELECT key_id, sealed FROM draft").one()
    assert b"Blue bird" not in bytes(row.sealed)
    besa.post(f"/drafts/{draft_id}/delete")
    world.shelter.run_jobs()
    assert node.vault.has_content_keys([bytes(row.key_id)]) == set()


def test_a_draft_is_nobody_elses(besa: Reader, world: World) -> None:
    path = begun(besa)
    other = Reader(world.shelter).enter("mira")
    assert other.get(f"{path}/person").status_code in (403, 404)
    assert other.post(f"/drafts/{path.split('/')[2]}/delete").status_code == 404
    assert besa.get(f"{path}/person").status_code == 200


def test_two_windows_see_each_others_answers(besa: Reader) -> None:
    path = begun(besa)
    version = {"version": "1"}
    besa.post(f"{path}/person", {**PERSON, "identity.alias": "Red fish", **version})
    late = besa.post(f"{path}/person", {**PERSON, "identity.alias": "Green tree", **version})
    assert late.status_code == 422
    assert "in another window" in late.text
    assert "Red fish" in words(late.text)
    assert 'value="Green tree"' in late.text
    assert 'name="version" value="2"' in late.text
    besa.post(f"{path}/person", {**PERSON, "identity.alias": "Green tree", "version": "2"})
    assert 'value="Green tree"' in besa.get(f"{path}/person").text


def test_sending_twice_refers_once(world: World, besa: Reader) -> None:
    path = ready(besa, world)
    location = sent_from(besa, path)
    assert besa.post(f"{path}/send", {"shown": "x"}).headers["location"] == location.split("?")[0]
    assert besa.get(f"{path}/check").headers["location"] == location.split("?")[0]
    assert cases_here(world) == 1
    assert "Go on" not in words(besa.get("/").text)


def test_what_changed_since_the_look_is_shown_again_before_it_leaves(world: World, besa: Reader) -> None:
    path = ready(besa, world)
    page = besa.get(f"{path}/check").text
    mark = re.search(r'name="shown" value="([0-9a-f]+)"', page)
    assert mark
    besa.post(f"{path}/need", {**NEED, "priority": "emergency"})
    answer = besa.post(f"{path}/send", {"shown": mark[1]})
    assert answer.status_code == 422
    assert "Nothing was sent; look again" in answer.text
    assert cases_here(world) == 0


def test_somebody_who_is_probably_known_is_asked_about_first(world: World, besa: Reader) -> None:
    sent_from(besa, ready(besa, world))
    again = besa.post("/intake", PERSON)
    assert again.status_code == 200
    assert "This person may be known already" in again.text
    action = re.search(r'action="(/intake/[0-9a-f]{32}/person)"', again.text)
    assert action
    assert besa.post(action[1], {**PERSON, "anyway": "yes"}).headers["location"].endswith("/need")


def test_an_abandoned_draft_goes_by_itself(world: World, besa: Reader, clock: SetClock) -> None:
    path = begun(besa)
    clock.moment += timedelta(days=29)
    world.shelter.run_jobs()
    later = Reader(world.shelter).enter()
    assert later.get(f"{path}/person").status_code == 200
    clock.moment += timedelta(days=2)
    world.shelter.run_jobs()
    assert Reader(world.shelter).enter().get(f"{path}/person").status_code == 404
