"""The audit log: every access, disclosure, decision and administrative act."""

from iars_node.audit.service import Entry, is_intact, record, record_many

__all__ = ["Entry", "is_intact", "record", "record_many"]
