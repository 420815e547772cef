"""The operations by the names that the files use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.vectors.forms import Input, Output

OPERATIONS: dict[str, Callable[[Input], Output]] = {}


def operation(name: str) -> Callable[[Callable[[Input], Output]], Callable[[Input], Output]]:
    """Register an operation under the name that the files use."""

    def register(run: Callable[[Input], Output]) -> Callable[[Input], Output]:
        OPERATIONS[name] = run
        return run

    return register
