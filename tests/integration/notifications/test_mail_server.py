"""Handing mail over to a real server on loopback."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import pytest
from tests.bench.certificate import Certificate, make_certificate
from tests.conftest import MORNING
from tests.mail import HOST, PASSWORD, USER, Mailbox, mail_server

from iars_node.notifications.mail import MailServer
from iars_node.notifications.model import Letter, MailError

LETTER = Letter("هناك ما يحتاج إليك", "هناك ما يحتاج إليك\n\nhttps://node.example.org/sign-in\n", "ar")
TO = "besa@example.org"
# The test's server knows passwords behind STARTTLS alone.
SIGNING_IN: dict[str, dict[str, object]] = {"starttls": {"user": USER, "password": PASSWORD}, "implicit": {}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("mail"))


def server_for(box: Mailbox, tls: str = "none", **changes: object) -> MailServer:
    plain = MailServer(HOST, box.port, tls, "iars@shelter.example.org", "node.example.org")
    return replace(plain, **changes)  # type: ignore[arg-type]  # as the test says


def test_a_server_that_offers_no_tls_is_told_nothing(box: Mailbox) -> None:
    with pytest.raises(MailError) as caught:
        server_for(box, "starttls", user=USER, password=PASSWORD).send(LETTER, TO, MORNING)
    assert (caught.value.reason, caught.value.is_final) == ("not-offered", True)
    assert (box.messages, box.logins) == ([], [])


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_is_told_nothing(certificate: Certificate, tls: str) -> None:
    with mail_server(certificate, tls=tls) as box:
        with pytest.raises(MailError) as caught:
            server_for(box, tls, **SIGNING_IN[tls]).send(LETTER, TO, MORNING)
        assert (caught.value.reason, box.logins, box.messages) == ("tls", [], [])


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_message_goes_over_tls_after_the_password(certificate: Certificate, tls: str) -> None:
    with mail_server(certificate, tls=tls) as box:
        trusting = server_for(box, tls, ca_file=certificate.certificate, **SIGNING_IN[tls])
        trusting.probe()
        assert box.messages == []
        trusting.send(LETTER, TO, MORNING)
        [message] = box.messages
    assert message["To"] == TO
    assert message["Subject"] == LETTER.subject
    assert message.get_content().splitlines() == LETTER.body.splitlines()


def test_a_wrong_password_is_final_and_is_not_repeated_in_the_error(certificate: Certificate) -> None:
    with mail_server(certificate) as box:
        wrong = server_for(box, "starttls", user=USER, password="guessed", ca_file=certificate.certificate)
        with pytest.raises(MailError) as caught:
            wrong.send(LETTER, TO, MORNING)
        assert (caught.value.reason, caught.value.is_final, box.messages) == ("smtp-535", True, [])
    assert "guessed" not in f"{caught.value!r} {caught.value} {wrong!r}"


@pytest.mark.parametrize(
    ("answer", "is_final"), [("451 besa@example.org: later", False), ("550 besa@example.org: unknown", True)]
)
def test_a_refused_address_is_a_code_without_the_address(
    box: Mailbox, answer: str, *, is_final: bool
) -> None:
    box.answer = answer
    with pytest.raises(MailError) as caught:
        server_for(box).send(LETTER, TO, MORNING)
    error = caught.value
    assert (error.reason, error.is_final, error.is_address) == (f"smtp-{answer[:3]}", is_final, True)
    assert "besa" not in f"{error!r} {error} {error.__cause__!r}"


def test_where_nobody_listens_it_is_tried_again_later() -> None:
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        away = MailServer(HOST, nobody.getsockname()[1], "none", "iars@shelter.example.org", "localhost")
        with pytest.raises(MailError) as caught:
            away.probe()
    assert (caught.value.reason, caught.value.is_final) == ("unreachable", False)


def test_a_server_that_hangs_up_is_tried_again_later() -> None:
    with socket.create_server((HOST, 0)) as listening:

        def hang_up() -> None:
            answered, _ = listening.accept()
            answered.close()

        other = threading.Thread(target=hang_up)
        other.start()
        away = MailServer(HOST, listening.getsockname()[1], "none", "iars@shelter.example.org", "localhost")
        with pytest.raises(MailError) as caught:
            away.probe()
        other.join()
    assert (caught.value.reason, caught.value.is_final) == ("broken-off", False)


def test_a_message_says_neither_the_machine_nor_more_than_it_must(box: Mailbox) -> None:
    server_for(box).send(LETTER, TO, MORNING)
    [message] = box.messages
    assert box.names == ["node.example.org"]
    assert socket.gethostname() not in message.as_string()
    assert message["Message-ID"].endswith("@shelter.example.org>")
    assert message["Auto-Submitted"] == "auto-generated"
    expected = {"from", "to", "subject", "date", "message-id", "content-language", "auto-submitted"}
    about_the_text = {"content-type", "content-transfer-encoding", "mime-version"}
    # The server itself notes from whom and to whom it was handed over.
    assert {name.lower() for name in message} - {
        "x-peer",
        "x-mailfrom",
        "x-rcptto",
    } == expected | about_the_text
