from __future__ import annotations

import cbor2
import pytest

from iars_protocol import encoding
from iars_protocol.encoding import Plain, decode, decode_json, encode, encode_json, frame, from_text, to_text
from iars_protocol.errors import MalformedError

# RFC 8949, appendix A: the examples that use what this protocol uses.
RFC_8949: dict[str, Plain] = {
    "00": 0,
    "17": 23,
    "1818": 24,
    "1903e8": 1000,
    "1b000000e8d4a51000": 1_000_000_000_000,
    "20": -1,
    "3903e7": -1000,
    "f4": False,
    "f6": None,
    "40": b"",
    "4401020304": b"\x01\x02\x03\x04",
    "62c3bc": "ü",
    "64f0908591": "\U00010151",
    "8301820203820405": [1, [2, 3], [4, 5]],
    "a26161016162820203": {"a": 1, "b": [2, 3]},
}


@pytest.mark.parametrize(("octets", "value"), RFC_8949.items())
def test_the_examples_of_rfc_8949_read_and_write(octets: str, value: Plain) -> None:
    assert decode(bytes.fromhex(octets)) == value
    assert encode(value).hex() == octets


def test_shorter_keys_come_first_then_the_order_of_bytes() -> None:
    assert encode({"bb": 1, "a": 2, "c": 3}).hex() == "a3616102616303626262" + "01"


@pytest.mark.parametrize(
    "octets",
    [
        "1801",
        "5800",
        "9f00ff",
        "5f4100ff",
        "bf616100ff",
        "a2616201616102",
        "a2616101616102",
        "a10001",
        "a1410001",
        "0000",
        "",
        "ff",
        "18",
        "6261",
        "62c328",
        "f7",
        "e0",
        "f90000",
        "fb3ff8000000000000",
        "1b0020000000000000",
        "3b001fffffffffffff",
        "1bffffffffffffffff",
        "9b00ffffffffffffff",
        "7bffffffffffffffff",
        "81" * 17 + "00",
    ],
)
def test_any_other_form_is_refused(octets: str) -> None:
    with pytest.raises(MalformedError):
        decode(bytes.fromhex(octets))


@pytest.mark.parametrize("tag", [*range(300), 1004, 43000, 43001, 55799, 2**32])
def test_every_tag_is_refused(tag: int) -> None:
    for content in (0, [], "a", b"a", [1, 2]):
        with pytest.raises(MalformedError):
            decode(cbor2.dumps(cbor2.CBORTag(tag, content)))


def test_shared_references_do_not_unfold() -> None:
    bomb = b"\x8b\xd8\x1c\x80" + b"".join(
        b"\xd8\x1c\x88" + (b"\xd8\x1d" + bytes([level])) * 8 for level in range(10)
    )
    with pytest.raises(MalformedError):
        decode(bomb)


def test_more_items_than_bytes_are_refused_even_if_the_library_shares_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoding, "_REFUSED_TAGS", {})
    bomb = b"\x8b\xd8\x1c\x80" + b"".join(
        b"\xd8\x1c\x88" + (b"\xd8\x1d" + bytes([level])) * 8 for level in range(10)
    )
    with pytest.raises(MalformedError, match="more items"):
        decode(bomb)


def test_sixteen_levels_are_read() -> None:
    assert decode(b"\x81" * 16 + b"\x00")


def test_what_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(MalformedError, match="longer"):
        decode(bytes(11), longest=10)


@pytest.mark.parametrize("value", [1.0, {1: 2}, {"a": {2}}, 2**53, "\ud800", {"\ud800": 1}, object()])
def test_what_nobody_could_read_is_not_written(value: object) -> None:
    with pytest.raises(MalformedError):
        encode(value)  # type: ignore[arg-type]


# RFC 8785 § 3.2.3: property names sorted by UTF-16 code units, not by code points.
def test_the_sorting_example_of_rfc_8785_comes_out_in_its_order() -> None:
    shuffled = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7}
    names = list(decode_json(encode_json(shuffled)))
    assert names == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


# RFC 8785 § 3.2.2: literals, escapes and numbers.
def test_strings_are_escaped_as_rfc_8785_says() -> None:
    assert encode_json({"s": '€$\x0f\nA\'B"\\\\"/'}) == b'{"s":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert encode_json({"l": [None, True, False], "n": 333333333}) == b'{"l":[null,true,false],"n":333333333}'


@pytest.mark.parametrize(
    "octets",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1,"a":1}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\/"}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b"[]",
        b"1",
        b"",
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b'{"a":["' + b"]" * 3000 + b'",' + b"[" * 3000 + b"]" * 3000 + b"]}",
        b'{"a":"' + b"\\" * 7 + b'"' + b"[" * 3000,
    ],
)
def test_json_of_any_other_form_is_refused(octets: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_json(octets)


def test_brackets_inside_strings_are_text() -> None:
    assert decode_json(b'{"a":"' + b"[" * 100 + b'\\""}')


def test_json_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(MalformedError, match="longer"):
        decode_json(b" " * (encoding.MAX_JSON_BYTES + 1))


@pytest.mark.parametrize("value", [{"a": 2**53}, {"a": "\ud800"}, {"a": float("nan")}])
def test_what_canonical_json_cannot_say_is_not_written(value: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        encode_json(value)


def test_no_two_lists_of_pieces_frame_alike() -> None:
    framings = {
        frame("a"),
        frame("a", b""),
        frame("a", b"", b""),
        frame("a", b"b", b"c"),
        frame("a", b"bc"),
        frame("ab", b"c"),
    }
    assert len(framings) == 6
    assert (
        frame("a", b"bc").hex()
        == "0200000000000000" + "0100000000000000" + "61" + "0200000000000000" + "6263"
    )


def test_base64_reads_and_writes_without_padding() -> None:
    assert to_text(b"\xfb\xff") == "-_8"
    assert from_text("-_8") == b"\xfb\xff"


@pytest.mark.parametrize("text", ["-_8=", "-_9", "+/8", "a", "-_ 8", "ü", "a\n"])
def test_base64_of_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        from_text(text)
