"""Write the vectors anew: `python -m tests.vectors`.

Everything follows from fixed seeds, but for the sealed samples, which are kept.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from iars_protocol.errors import ProtocolError
from iars_protocol.vocabulary import REASONS, RESPONSE_SECONDS, SCOPES, SERVICES, VOCABULARIES
from tests.specimens import MISSION, ROLES, SHELTER, STRANGER, seed
from tests.vectors import (
    basics,
    bodies,
    bundles,
    contents,
    exchange,
    forms,
    hops,
    identity,
    places,
    rules,
    transparency,
)
from tests.vectors.operations import OPERATIONS

if TYPE_CHECKING:
    from tests.vectors.cases import Case, Group


def main() -> int:
    """Write every file; say which vectors do not come out as they should."""
    _write(forms.NODES, described_nodes())
    _write(forms.VOCABULARIES, described_vocabularies())
    wrong = 0
    for group in groups():
        _write(f"{group.file}.json", content_of(group))
        for case in group.cases:
            outcome = run(group.operation, case.input)[0]
            if outcome != case.expect:
                sys.stderr.write(f"{group.file}: {case.name}: {outcome}, not {case.expect}\n")
                wrong += 1
    return 1 if wrong else 0


def groups() -> list[Group]:
    """Return the vectors of every section."""
    sections = (basics, identity, exchange, hops, places, rules, contents, bodies, transparency, bundles)
    return [group for section in sections for group in section.groups()]


def described_nodes() -> dict[str, Any]:
    """Return the nodes that vectors name, with all their keys."""
    return {
        "nodes": {
            node.name: {
                "node_id": node.text,
                "seeds": {role: seed(f"{node.name} {role}").hex() for role in ROLES},
                "statements": forms.write_statements(node.statements),
            }
            for node in (SHELTER, MISSION, STRANGER)
        }
    }


def described_vocabularies() -> dict[str, Any]:
    """Return the closed lists of codes, without the labels that only people read."""
    return {
        "scopes": {
            scope.code: {
                "level": scope.level,
                "step": scope.step,
                "at_offer": list(scope.at_offer),
                "fields": {
                    field.name: {"kind": field.kind} | ({"codes": field.codes} if field.codes else {})
                    for field in scope.fields.values()
                },
            }
            for scope in SCOPES.values()
        },
        "services": {service.code: {"purpose": service.purpose} for service in SERVICES.values()},
        "reasons": {kind: list(codes) for kind, codes in REASONS.items()},
        "codes": {name: list(codes) for name, codes in VOCABULARIES.items()},
        "response_seconds": dict(RESPONSE_SECONDS),
    }


def content_of(group: Group) -> dict[str, Any]:
    """Return what a file of vectors holds."""
    return {
        "section": group.section,
        "operation": group.operation,
        "vectors": [_vector(group.operation, case) for case in group.cases],
    }


def _vector(operation: str, case: Case) -> dict[str, Any]:
    vector = {"name": case.name, "expect": case.expect, "input": case.input}
    outcome, output = run(operation, case.input)
    return {**vector, "output": output} if outcome == "ok" else vector


def run(operation: str, given: forms.Input) -> tuple[str, forms.Output]:
    """Return a vector's outcome, and its output where the outcome is `ok`."""
    try:
        return "ok", OPERATIONS[operation](given)
    except ProtocolError as error:
        return error.code, {}


def _write(name: str, content: dict[str, Any]) -> None:
    (forms.FOLDER / name).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
