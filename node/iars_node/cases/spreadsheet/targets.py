"""What a column can fill: a field of a scope, or one of a few things beside them."""

from __future__ import annotations

from iars_node.errors import InvalidError
from iars_protocol.record import SCOPES, Field

EXTERNAL_NUMBER = "external_number"
STAGE = "stage"
FULL_NAME = "full_name"
BESIDE = {EXTERNAL_NUMBER: "File number", STAGE: "Stage", FULL_NAME: "Full name"}

_NOT_IN_CELLS = frozenset({"attachment"})


def importable_fields() -> dict[str, Field]:
    """Return the fields that a cell can fill, by target `scope.field`, in the order of the vocabulary."""
    return {
        f"{scope.code}.{name}": field
        for scope in SCOPES.values()
        for name, field in scope.fields.items()
        if not field.derived and field.kind not in _NOT_IN_CELLS
    }


def check_target(target: str) -> None:
    """Refuse a target that a cell can't fill."""
    if target in BESIDE or target in importable_fields():
        return
    accepted = f"accepted: scope.field such as identity.given_name, or {', '.join(BESIDE)}"
    raise InvalidError("The mapping names a target that can't be filled.", {target[:80]: accepted})
