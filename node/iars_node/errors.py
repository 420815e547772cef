"""The node's errors: each with a stable code, a sentence for a person and the HTTP status it maps to."""

from __future__ import annotations


class NodeError(Exception):
    """Something a caller can act on. Its message is one sentence: what happened, what to do.

    The message may name ids and codes, never a person's data.
    """

    code = "node"
    status = 500


class NotFoundError(NodeError):
    """The record does not exist, or this account may not know that it does."""

    code = "not-found"
    status = 404


class ForbiddenError(NodeError):
    """The account's roles do not allow the action; `action` names it, where it is known."""

    code = "forbidden"
    status = 403

    def __init__(self, message: str, action: str = "") -> None:
        super().__init__(message)
        self.action = action


class NotAssignedError(ForbiddenError):
    """The case is not assigned to this account, and what it asks for is kept for those whose case it is."""

    code = "not-assigned"

    def __init__(self, message: str, case_id: str) -> None:
        super().__init__(message)
        self.case_id = case_id


class TooManyCasesError(ForbiddenError):
    """More cases were opened than one account or token may; in `seconds` there is room for another."""

    code = "too-many-cases"
    status = 429

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class UnauthenticatedError(NodeError):
    """Nobody is signed in, or the token is unknown, expired or revoked."""

    code = "unauthenticated"
    status = 401


class InvalidError(NodeError):
    """What was sent can't be used; `faults` says which fields and why."""

    code = "invalid"
    status = 422

    def __init__(self, message: str, faults: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or {}


class ConflictError(NodeError):
    """Someone else changed the record first, or its state does not allow the action."""

    code = "conflict"
    status = 409


class RefusedError(NodeError):
    """A rule of consent or of the referral's life refuses the action. `reason` is a stable code."""

    code = "refused"
    status = 409

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class LockedError(NodeError):
    """The node's keys are locked; an administrator must unlock it with the passphrase."""

    code = "locked"
    status = 503


class ErasedError(NodeError):
    """The content's key has been destroyed; nothing can show it again."""

    code = "erased"
    status = 410


class TooManyError(NodeError):
    """Too many attempts; wait before the next."""

    code = "too-many"
    status = 429


class SetupError(NodeError):
    """The node's settings or files can't be used as they are."""

    code = "setup"
    status = 500
