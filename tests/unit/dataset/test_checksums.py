"""What the checksums that S3 stores prove."""

import pytest

from streammerge.dataset.checksums import NO_CHECKSUMS, Checksums, checksums_of

_FULL, _PARTS = Checksums({"crc32": "AAAA"}, {}), Checksums({}, {"crc32": "AAAA-2"})


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("AAAA", "FULL_OBJECT", _FULL),
        ("AAAA", "", _FULL),
        ("AAAA-2", "COMPOSITE", _PARTS),
        ("AAAA-2", "", _PARTS),
        ("AAAA-2", "FULL_OBJECT", _PARTS),  # MiniStack, of a copy
        ("AAAA", "COMPOSITE", Checksums({}, {"crc32": "AAAA"})),  # moto
    ],
)
def test_what_is_composite(value: str, kind: str, expected: Checksums) -> None:
    """What ends with a number of parts is, whatever the store says of it, and what is said to be."""
    assert checksums_of({"crc32": value}, kind) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"crc32": "a"}, {"crc32": "a"}, True),
        ({"crc32": "a"}, {"crc32": "b"}, False),
        ({"crc32": "a"}, {"sha1": "a"}, None),
        ({"crc32": "a", "sha1": "b"}, {"crc32": "a", "sha1": "c"}, False),
        ({"crc32": "a", "sha1": "b"}, {"crc32": "a", "crc64nvme": "c"}, True),
        ({}, {}, None),
    ],
)
def test_what_they_prove(one: dict[str, str], other: dict[str, str], *, expected: bool | None) -> None:
    """Those of one algorithm must all be equal, full ones and composite ones apart; without one, nothing is known."""
    assert Checksums(one, {}).proves(Checksums(other, {})) is expected
    assert Checksums({}, one).proves_parts(Checksums({}, other)) is expected
    assert Checksums(one, {}).proves_parts(Checksums(other, {})) is None
    assert Checksums({}, one).proves(Checksums(other, {})) is None


def test_none_at_all() -> None:
    """No checksum is none of either kind."""
    assert not NO_CHECKSUMS
    assert _FULL
    assert _PARTS
