"""The interface for the organisation's own systems: `/api/v1`, by tokens, described in `openapi.json`."""
