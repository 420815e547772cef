"""The description of the interface: OpenAPI, complete with an example for every body and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from iars_node.api.problems import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.routing import BaseRoute

JSON = "application/json"
_REFERENCE = "#/components/schemas/"
_METHODS = ("get", "post", "put", "patch", "delete")
_TEXT = (
    "For the organisation's own systems. A token does and reads only what it was made for; what it reads is "
    "recorded like a person's reading. Content is shown only of scopes that a request names."
)


def describe_interface(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI description of the routes."""
    described = get_openapi(title="IARS", version="1", summary="A node's cases and referrals", routes=routes)
    described["info"]["description"] = _TEXT
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = SCHEMA
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token of this node: iars_…"}
    }
    described["security"] = [{"token": []}]
    for media_type in _bodies(described):
        _show_example(media_type, schemas)
    return described


def operations_of(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return path, method and operation of everything that is described."""
    for path, item in described["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _bodies(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for _path, _method, operation in operations_of(described):
        contents = [operation.get("requestBody", {})]
        contents += operation["responses"].values()
        for content in contents:
            if JSON in content.get("content", {}):
                yield content["content"][JSON]


def _show_example(media_type: dict[str, Any], schemas: dict[str, Any]) -> None:
    # An example stands with its model, once; readers of the description look for it at the operation.
    name = media_type.get("schema", {}).get("$ref", "").removeprefix(_REFERENCE)
    examples = schemas.get(name, {}).get("examples", [])
    if examples and "example" not in media_type:
        media_type["example"] = examples[0]
