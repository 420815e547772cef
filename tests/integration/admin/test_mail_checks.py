"""What the doctor says of the mail server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.certificate import make_certificate
from tests.mail import HOST, PASSWORD, USER, mail_server

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.integration.admin.organisations import Organisation


def said(organisation: Organisation, *more: str) -> list[tuple[str, str]]:
    """Return outcome and words of what the doctor found about mail."""
    found = organisation.run("doctor", "--json", *more).json
    return [(each["outcome"], each["said"]) for each in found if each["check"] == "mail server"]


def set_mail(organisation: Organisation, **settings: object) -> None:
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in settings.items()]
    with (organisation.folder / "iars.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + "\n".join(lines) + "\n")


def test_a_node_without_a_mail_server_is_not_ill(shelter: Organisation) -> None:
    assert said(shelter) == [("ok", "none is set: nobody is told outside of the pages")]


def test_a_mail_server_that_is_reached_is_sent_nothing(
    shelter: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("IARS_SMTP_PASSWORD", PASSWORD)
    with mail_server(certificate) as box:
        set_mail(
            shelter,
            smtp_host=HOST,
            smtp_port=box.port,
            smtp_from="iars@example.org",
            smtp_user=USER,
            ca_file=str(certificate.certificate),
        )
        assert said(shelter) == [("ok", f"{HOST}:{box.port} answers (starttls)")]
        assert (box.logins, box.messages) == ([USER], [])
    assert said(shelter) == [("failed", f"{HOST}:{box.port} takes no mail (unreachable)")]
    assert said(shelter, "--offline") == []


def test_a_wrong_password_for_mail_is_told_by_its_code(
    shelter: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("IARS_SMTP_PASSWORD", "hush-hush")
    with mail_server(certificate) as box:
        set_mail(
            shelter,
            smtp_host=HOST,
            smtp_port=box.port,
            smtp_from="iars@example.org",
            smtp_user=USER,
            ca_file=str(certificate.certificate),
        )
        answer = shelter.run("doctor")
    assert "smtp-535" in answer.out
    assert "hush-hush" not in f"{answer.out}{answer.err}"
