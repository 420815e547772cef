"""One command's session: which node, who acts, and how the answer is shown."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from iars_admin import timing
from iars_admin.passphrases import passphrase_of
from iars_admin.showing import Screen
from iars_node.accounts import store as account_store
from iars_node.accounts.access import ADMINISTRATOR, may, require
from iars_node.accounts.service import find_account_by_name
from iars_node.errors import SetupError
from iars_node.migrations import is_current
from iars_node.node import Node, build_node
from iars_node.settings import FILE_NAME, load_settings
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iars_node.accounts.model import Account
    from iars_node.settings import Settings
    from iars_node.work import Actor, Work


@dataclass(frozen=True, slots=True)
class Choice:
    """What every command may be told: the node's folder, the acting account, the form of the answer."""

    folder: Path | None = None
    account: str = ""
    as_json: bool = False
    passphrase_file: Path | None = None

    def over(self, other: Choice | None) -> Choice:
        """Return these choices, completed by those made earlier on the line."""
        if other is None:
            return self
        return Choice(
            self.folder or other.folder,
            self.account or other.account,
            self.as_json or other.as_json,
            self.passphrase_file or other.passphrase_file,
        )


class Session:
    """Opens the node when a command needs it, and closes it at the end."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.screen = Screen(as_json=choice.as_json)
        self._opened: Node | None = None
        self._actor: Actor | None = None

    def close(self) -> None:
        """Close the node, if it was opened."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @cached_property
    def settings(self) -> Settings:
        """The node's settings."""
        return self.with_passphrase_file(load_settings(self.choice.folder))

    def with_passphrase_file(self, settings: Settings) -> Settings:
        """Return settings with the passphrase file that the command names; show dates and marks by them."""
        self.screen.zone = ZoneInfo(settings.zone)
        self.screen.is_training = settings.training
        file = self.choice.passphrase_file
        if file is None:
            return settings
        return settings.model_copy(update={"passphrase_file": file, "passphrase": None})

    @property
    def node(self) -> Node:
        """The node, unlocked."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> Node:
        node = self.locked_node()
        try:
            node.vault.unlock(passphrase_of(self.settings))
            _check_current(node)
        except BaseException:
            node.close()
            raise
        return node

    def locked_node(self) -> Node:
        """Return the node as it is before the passphrase is given; the caller closes it."""
        if not (self.settings.folder / FILE_NAME).is_file():
            raise SetupError(
                f"There is no node in {self.settings.folder}; make one with `iars init`, or name its folder "
                "with --folder."
            )
        return build_node(self.settings, clock=timing.clock())

    @property
    def actor(self) -> Actor:
        """The account that acts."""
        return self._acting("")

    @contextmanager
    def work(self, action: str) -> Iterator[Work]:
        """Open a unit of work in the name of the account, which must be allowed the action."""
        actor = self._acting(action)
        with self.node.works.write(actor) as work:
            require(actor, action)
            yield work

    def _acting(self, action: str) -> Actor:
        # Once somebody acts, the whole command is theirs.
        if self._actor is None:
            with self.node.works.read(SYSTEM) as work:
                self._actor = _chosen(work, self.choice.account, action).actor
        return self._actor


def _chosen(work: Work, name: str, action: str) -> Account:
    """Return the account that was named; unsaid, the only one, or the only one that may, an administrator.

    Nobody else is guessed: what is done to a case stands under its worker's name.
    """
    if name:
        return find_account_by_name(work, name)
    enabled = [one for one in account_store.accounts(work.connection) if one.disabled_at is None]
    if len(enabled) == 1:
        return enabled[0]
    able = [one for one in enabled if action and may(one.actor, action)]
    if len(able) != 1 or ADMINISTRATOR not in able[0].roles:
        raise typer.BadParameter(
            "Say which account acts: --as NAME, or the variable IARS_ACCOUNT.", param_hint="--as"
        )
    return able[0]


def _check_current(node: Node) -> None:
    if not is_current(node.database):
        raise SetupError("The database has an older shape; run `iars upgrade`, or `iars serve` once.")
