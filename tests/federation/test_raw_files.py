"""A copy of the main database without the key store tells nobody's name, words or keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.federation.raw_files import Markers, play, raw_bytes, secrets_of

from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour


async def test_a_copy_of_the_database_shows_no_name_no_word_and_no_key(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    markers = Markers()
    await play(shelter, mission, markers)
    secrets = [(place, secret) for owner in pair for place, secret in secrets_of(owner)]
    for side in pair:
        files = list(raw_bytes(side))
        # Only what is looked for in earnest can be missed: the public ids are there, and every form is known.
        assert any(shelter.id in content or shelter.id.hex().encode() in content for _, content in files)
        assert all(word in markers.found_in(b"..." + form) for word, form in [*markers.forms()][::50])
        # A file for each table and index is hundreds of them: together they take a tenth of the time.
        everything = b"\0\0".join(content for _, content in files)
        assert not markers.found_in(everything)
        for place, secret in secrets:
            assert secret not in everything, place
            assert secret.hex().encode() not in everything, place


async def test_the_key_store_alone_shows_no_word_either(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    markers = Markers()
    await play(shelter, mission, markers)
    for side in pair:
        for path in side.node.settings.folder.glob("keys.sqlite*"):
            content = path.read_bytes()
            assert not markers.found_in(content)
            for key in (identity_of(side.node.vault).signing, identity_of(side.node.vault).hop):
                assert key.seed not in content
