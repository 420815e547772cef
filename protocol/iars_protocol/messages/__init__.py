"""Message types: one registry, one file per topic."""

from iars_protocol.messages import administration, consent, referral

__all__ = ["administration", "consent", "referral"]
