"""What the pages need of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from iars_node.attachments.folder import AttachmentFolder
    from iars_node.clock import Clock
    from iars_node.drafts.progress import Board
    from iars_node.settings import Settings
    from iars_node.vault.vault import Vault
    from iars_node.work import Works


class Waking(Protocol):
    """Something that looks at the outbox when told."""

    def wake(self) -> None:
        """Look now."""
        ...


class WebNode(Protocol):
    """The parts of a node that pages stand on."""

    @property
    def settings(self) -> Settings:
        """What the node was told from outside."""
        ...

    @property
    def works(self) -> Works:
        """Where transactions begin and end."""
        ...

    @property
    def vault(self) -> Vault:
        """The keys."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def folder(self) -> AttachmentFolder:
        """Where attachments lie, sealed."""
        ...

    @property
    def sender(self) -> Waking:
        """What takes messages away."""
        ...

    @property
    def board(self) -> Board:
        """How far long jobs are."""
        ...
