"""Migrations: the database's shape, step by step, the same on SQLite and PostgreSQL."""

from iars_node.migrations.steps import is_current, upgrade, write_step

__all__ = ["is_current", "upgrade", "write_step"]
