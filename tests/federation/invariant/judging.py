"""Judges what nodes hold, show and share, by their own evidence: their files are read once for each look."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tests.federation.invariant.covering import Evidence
from tests.federation.invariant.nodes import IMAGE, LONGEST_GRACE, NAMES
from tests.federation.invariant.opening import OWN, everything_that_opens
from tests.federation.invariant.showing import shown_uncovered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.federation.invariant.nodes import Nodes
    from tests.federation.invariant.opening import Files, Opened


class Judge:
    """One node at one moment: its two files, and what they prove."""

    def __init__(self, nodes: Nodes, name: str, files: Files) -> None:
        self._nodes, self._name, self._files = nodes, name, files
        self._evidence = Evidence(files, nodes.sides[name].node.clock.now())

    @cached_property
    def _opened(self) -> list[Opened]:
        return everything_that_opens(self._files)

    def everything_uncovered(self) -> list[str]:
        """Return what is uncovered of what opens, of what is shown, and of what is shared on."""
        return self.shows_uncovered() + self.opens_uncovered() + self.shares_uncovered()

    def shows_uncovered(self) -> list[str]:
        """Return what the pages show without evidence."""
        return shown_uncovered(self._nodes, self._name, self._evidence)

    def opens_uncovered(self) -> list[str]:
        """Return what the keys open without evidence."""
        return [
            f"{self._name} opens {found}: {lack}"
            for found in (*self._opened, *self._older())
            if (lack := self._evidence.lacks(found, LONGEST_GRACE))
        ]

    def _older(self) -> Iterator[Opened]:
        if self._name not in self._nodes.images:
            return
        # An older image of the database with today's keys must show no more than today's. Its blind words are
        # the exception: nothing takes them out of a copy, and who has the passphrase too can try a name.
        with closing(self._nodes.files(self._name, IMAGE)) as files:
            for found in everything_that_opens(files):
                if found.table != "search_word":
                    yield replace(found, table=f"older {found.table}")

    def shares_uncovered(self) -> list[str]:
        """Return what is still shared under others' permissions without evidence that it may be."""
        return [
            *(f"{self._name} shares under {fault}" for fault in self._evidence.shared_without_ground()),
            *(f"{self._name} permits by {fault}" for fault in self._evidence.permitted_without_word()),
        ]

    def count_received(self) -> int:
        """Count what opens here and came from somebody else."""
        return sum(found.source != OWN for found in self._opened)


def every_judge(nodes: Nodes) -> Iterator[Judge]:
    """Judge one node after the other, each as it is at this moment."""
    for name in NAMES:
        with closing(nodes.files(name)) as files:
            yield Judge(nodes, name, files)


def everything_uncovered(nodes: Nodes) -> list[str]:
    """Return what is uncovered at the four nodes."""
    return [fault for judge in every_judge(nodes) for fault in judge.everything_uncovered()]


def uncovered_at_once(nodes: Nodes) -> list[str]:
    """Return what is uncovered of what needs no time to be put right: what is shown, and what is shared."""
    return [
        fault
        for judge in every_judge(nodes)
        for fault in (*judge.shows_uncovered(), *judge.shares_uncovered())
    ]


def showing_uncovered(nodes: Nodes) -> list[str]:
    """Return what the pages of the four nodes show without evidence."""
    return [fault for judge in every_judge(nodes) for fault in judge.shows_uncovered()]


def opening_uncovered(nodes: Nodes) -> list[str]:
    """Return what the keys of the four nodes open without evidence."""
    return [fault for judge in every_judge(nodes) for fault in judge.opens_uncovered()]


def sharing_uncovered(nodes: Nodes) -> list[str]:
    """Return what the four nodes still share under others' permissions without evidence."""
    return [fault for judge in every_judge(nodes) for fault in judge.shares_uncovered()]
