"""What holds for every operation: who is let in, and how it is described."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from tests.integration.api.conftest import FOR_SYSTEMS

from iars_node.accounts.access import ACTIONS, TABLE
from iars_node.api.callers import PREFIX, Permission
from iars_node.api.description import JSON, operations_of
from iars_node.api.gathering import describe
from iars_node.api.operations import ACTION
from iars_node.api.problems import PROBLEM_JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.api.conftest import System

DESCRIBED = describe()
OPERATIONS = list(operations_of(DESCRIBED))
NAMED = [f"{method} {path}" for path, method, _ in OPERATIONS]
BODIES = ("cases", "consents", "withdrawals", "onward", "referrals", "rights", "others")
SOME_ID = "0" * 32


def address(path: str) -> str:
    """Return a path under the interface that nothing lies at."""
    path = path.removeprefix(PREFIX)
    return re.sub(r"{\w+_id}", SOME_ID, path).replace("{scope}", "contact")


def example_of(operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    return content.get(JSON, {}).get("example")


def test_nobody_without_a_token_is_let_in(stranger: System) -> None:
    for path, method, operation in OPERATIONS:
        answer = stranger.call(method.upper(), address(path), json=example_of(operation))
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, PROBLEM_JSON), path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthenticated"


def test_a_token_without_the_action_is_refused(new_system: Callable[..., System]) -> None:
    without = {
        action: new_system(actions=FOR_SYSTEMS - {action})
        for _, _, op in OPERATIONS
        for action in [op[ACTION]]
    }
    for path, method, operation in OPERATIONS:
        narrow = without[operation[ACTION]]
        answer = narrow.call(method.upper(), address(path), json=example_of(operation))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=NAMED)
def test_every_operation_is_described_with_examples(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert operation["operationId"]
    assert operation[ACTION] in ACTIONS - TABLE.people_only
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content["example"]
    assert ("requestBody" in operation) == (method in {"post", "patch"}), path
    for status, answer in operation["responses"].items():
        for media_type, content in answer["content"].items():
            assert content["example"], (path, status)
            assert (media_type == PROBLEM_JSON) == (int(status) >= 400)
    assert {"401", "403", "422", "503"} <= set(operation["responses"])
    assert ("404" in operation["responses"]) >= ("{" in path)
    for parameter in operation.get("parameters", []):
        assert parameter["in"] in {"path", "query", "header"}


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_every_example_is_accepted_by_its_own_body() -> None:
    shown = 0
    for module_name in BODIES:
        module = importlib.import_module(f"iars_node.api.bodies.{module_name}")
        for _name, body in inspect.getmembers(module, inspect.isclass):
            if issubclass(body, BaseModel) and body.__module__ == module.__name__:
                for example in body.model_json_schema()["examples"]:
                    body.model_validate(example)
                    shown += 1
    assert shown > 30


def test_every_model_in_the_description_has_an_example() -> None:
    schemas = DESCRIBED["components"]["schemas"]
    bare = {name for name, schema in schemas.items() if "examples" not in schema}
    assert bare == {"Problem", "JsonValue"}


def test_an_unknown_action_fails_when_its_operation_is_declared() -> None:
    with pytest.raises(ValueError, match="not in the table"):
        Permission("case.sell")


def test_the_description_is_served_to_anybody(stranger: System) -> None:
    answer = stranger.get("/openapi.json")
    assert answer.status_code == 200
    served = answer.json()
    assert served["openapi"].startswith("3.")
    assert served == DESCRIBED
    assert "http" not in str(served["paths"]).replace("https://", "")


def test_an_address_without_anything_is_a_problem_too(system: System) -> None:
    answer = system.get("/persons")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM_JSON)
