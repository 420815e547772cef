from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from iars_node.web.callers import SESSION, set_cookies


def cookie_set(scheme: str, host: str) -> str:
    request = Request({"type": "http", "scheme": scheme, "path": "/", "headers": [(b"host", host.encode())]})
    response = Response()
    set_cookies(request, response, {SESSION: "a secret"})
    return response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("scheme", "host", "name"),
    [
        ("https", "shelter.example.org", "__Host-iars-session"),
        ("http", "localhost", "iars-session"),
        ("http", "127.0.0.1:8470", "iars-8470-session"),
        ("http", "127.0.0.1:8471", "iars-8471-session"),
    ],
)
def test_two_nodes_on_one_machine_do_not_share_cookies(scheme: str, host: str, name: str) -> None:
    assert cookie_set(scheme, host).startswith(f"{name}=")
