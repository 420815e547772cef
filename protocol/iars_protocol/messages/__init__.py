"""Message types: one registry, one file per topic."""

from iars_protocol.messages import administration, referral

__all__ = ["administration", "referral"]
