"""S3's checksums: computed as S3 computes them, and found in answers where they are those of the whole object."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streammerge.s3 import checksums

# The check values of the catalogue of CRCs, in base 64: https://reveng.sourceforge.io/crc-catalogue/
_OF_DIGITS = {"crc64nvme": "rosUhgp5mIg=", "crc32c": "4waSgw==", "crc32": "y/Q5Jg=="}
_SHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of nothing


@pytest.mark.parametrize("algorithm", _OF_DIGITS)
def test_crcs_are_those_of_the_catalogue(algorithm: str) -> None:
    """Of the digits 1 to 9."""
    computing = checksums.begin(algorithm)
    computing.update(b"123456789")
    assert checksums.in_base_64(computing) == _OF_DIGITS[algorithm]


@given(
    st.lists(st.binary(max_size=40), max_size=5), st.sampled_from(["crc64nvme", "crc32c", "crc32", "sha1", "sha256"])
)
def test_in_pieces_as_at_once(pieces: list[bytes], algorithm: str) -> None:
    """However a body comes."""
    by_pieces, at_once = checksums.begin(algorithm), checksums.begin(algorithm)
    for piece in pieces:
        by_pieces.update(piece)
    at_once.update(b"".join(pieces))
    assert by_pieces.digest() == at_once.digest()
    if algorithm == "sha256":
        assert at_once.digest() == hashlib.sha256(b"".join(pieces)).digest()


def test_what_an_answer_has() -> None:
    """Those of parts say nothing of the whole by themselves."""
    full = {"x-amz-checksum-crc32c": "yZRlqg==", "x-amz-checksum-type": "FULL_OBJECT", "etag": "x"}
    assert checksums.of_whole(full) == ("crc32c", "yZRlqg==")
    assert checksums.of_whole({"x-amz-checksum-sha256": _SHA256}) == ("sha256", _SHA256)
    assert checksums.of_whole({**full, "x-amz-checksum-type": "COMPOSITE"}) is None
    assert checksums.of_whole({"x-amz-checksum-sha256": f"{_SHA256}-3"}) is None
    assert checksums.in_answer({"x-amz-checksum-sha256": f"{_SHA256}-3"}).composite == {"sha256": f"{_SHA256}-3"}
    assert checksums.of_whole({}) is None


@pytest.mark.parametrize("value", ["", "x", "AAAA", "yZRlqg=", f"{_SHA256}{_SHA256}"])
def test_a_value_that_can_be_none_is_none(value: str) -> None:
    """Stores that do not know a checksum say anything in its place; another that the answer has is taken."""
    known = ("crc32c", "yZRlqg==")
    answered = {"x-amz-checksum-crc64nvme": value}
    assert checksums.of_whole(answered) is None
    assert checksums.of_whole({**answered, "x-amz-checksum-crc32c": known[1]}) == known


def test_what_is_not_marked_of_an_object_that_was_uploaded_in_parts() -> None:
    """It may be made of those of the parts, as moto's answer to a HEAD, unless it is of the one kind that never is."""
    unmarked = {"x-amz-checksum-sha256": _SHA256, "etag": f'"{"0" * 32}-2"'}
    assert checksums.of_whole(unmarked) is None
    assert checksums.in_answer(unmarked).composite == {"sha256": _SHA256}
    assert checksums.of_whole({**unmarked, "x-amz-checksum-type": "FULL_OBJECT"}) == ("sha256", _SHA256)
    assert checksums.of_whole({**unmarked, "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}) == ("crc64nvme", "AAAAAAAAAAA=")
