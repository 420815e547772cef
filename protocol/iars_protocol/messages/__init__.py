"""Message types: one registry, one file per topic."""

from iars_protocol.messages import administration, exception, referral

__all__ = ["administration", "exception", "referral"]
