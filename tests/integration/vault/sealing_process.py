"""A process of its own that seals rows into a database, one commit each, until it is killed or told to stop.

It prints a line after each commit: what a line says must survive anything that happens to the process.
"""

from __future__ import annotations

import sys

from sqlalchemy import text

from iars_node.db import Database, new_id
from iars_node.vault.content_keys import key_for
from iars_node.vault.vault import Vault, context


def main(key_store_url: str, database_url: str, passphrase: str, count: int) -> None:
    """Seal `count` rows, each under a fresh key."""
    vault = Vault.at(key_store_url)
    vault.unlock(passphrase)
    database = Database(database_url)
    for _ in range(count):
        owner = new_id()
        with database.write() as connection:
            key_id = key_for(connection, vault, "case", owner, "identity", "own")
            sealed = vault.seal(key_id, owner.encode(), context("sealed_row", "content", owner))
            connection.execute(
                text("INSERT INTO sealed_row (owner, sealed) VALUES (:owner, :sealed)"),
                {"owner": owner, "sealed": sealed},
            )
        sys.stdout.write(owner + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
