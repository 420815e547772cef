"""Message types: one registry, one file per topic."""

from iars_protocol.messages import administration, checkpoint, consent, exception, onward, proof, referral

__all__ = ["administration", "checkpoint", "consent", "exception", "onward", "proof", "referral"]
