"""What only this interface refuses."""

from __future__ import annotations

from iars_node.errors import NodeError


class PreconditionError(NodeError):
    """The record has another version than the request names."""

    code = "precondition"
    status = 412


class PreconditionMissingError(NodeError):
    """The request must name the version that it changes, in `If-Match`."""

    code = "precondition-missing"
    status = 428


class IdempotencyError(NodeError):
    """The key was used for another request."""

    code = "idempotency"
    status = 422


class MalformedRequestError(NodeError):
    """The request can't be read at all."""

    code = "malformed"
    status = 400
