"""Locations, ETags and keys as text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streammerge.dataset.objects import Location, is_arn, is_plain_md5, parse_location, printable
from streammerge.errors import UsageError

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://data/train", "data", "train/"),
        ("s3://data/train/", "data", "train/"),
        ("s3://data/a/b", "data", "a/b/"),
        ("s3://data", "data", ""),
        ("s3://data/", "data", ""),
        ("s3://data//train", "data", "/train/"),
        ("s3://my.dotted.bucket/x", "my.dotted.bucket", "x/"),
        ("s3://data/with space+%41/é\n", "data", "with space+%41/é\n/"),
        ("s3://data/a://b", "data", "a://b/"),
    ],
)
def test_reads_a_location(url: str, bucket: str, prefix: str) -> None:
    """A URL is taken apart without touching the prefix, save for the slash it may lack at its end."""
    assert parse_location(url) == Location(bucket, prefix)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data/train",
        "/data/train",
        "http://data/train",
        "s3://",
        "s3:///train",
        "s3://-data/train",
        "s3://da ta/train",
        "s3://dätä/train",
        "s3://data?x/train",
        "s3://user@data/train",
        "s3://d/train",
        "s3://data\n/train",
    ],
)
def test_refuses_what_is_no_location(url: str) -> None:
    """Whatever is no S3 URL with a bucket is refused, quoted as it was given."""
    with pytest.raises(UsageError, match="write s3://bucket/prefix/") as caught:
        parse_location(url)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("S3://data/train", "s3://data/train"),
        ("s3:/data/train/", "s3://data/train/"),
        ("s3a://data/train", "s3://data/train"),
        ("https://data.s3.amazonaws.com/train/a%20b/", "s3://data/train/a b/"),
        ("https://my.data.s3.eu-west-1.amazonaws.com/train", "s3://my.data/train"),
        ("http://data.s3-us-west-2.amazonaws.com", "s3://data/"),
        ("https://s3.dualstack.eu-west-1.amazonaws.com/data/train/", "s3://data/train/"),
        ("https://s3.amazonaws.com/data/train/", "s3://data/train/"),
        (
            "https://eu-west-1.console.aws.amazon.com/s3/buckets/data?region=eu-west-1&prefix=train/a%20b/&tab=objects",
            "s3://data/train/a b/",
        ),
        ("https://s3.console.aws.amazon.com/s3/buckets/data", "s3://data/"),
    ],
)
def test_a_location_in_another_form_is_recognized(url: str, meant: str) -> None:
    """As browsers, the console and Hadoop write it: refused, with the URL to pass instead."""
    with pytest.raises(UsageError) as raised:
        parse_location(url)
    assert f"Did you mean {meant}?" in str(raised.value)
    parse_location(meant)


@pytest.mark.parametrize("url", ["https://[data/train", "https://example.org/data/", "ftp://s3.amazonaws.com/data/"])
def test_another_address_gets_no_hint(url: str) -> None:
    """It is not known to be a place in S3."""
    with pytest.raises(UsageError, match="write s3://bucket/prefix/"):
        parse_location(url)


_ACCESS_POINT = "arn:aws:s3:eu-west-1:111122223333:accesspoint/faces"


@pytest.mark.parametrize(
    "bucket",
    [
        _ACCESS_POINT,
        _ACCESS_POINT.replace("aws:", "aws-us-gov:", 1),
        _ACCESS_POINT.replace("accesspoint/", "accesspoint:"),
        "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap",
        "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/faces",
    ],
)
def test_reads_an_access_point(bucket: str) -> None:
    """Its ARN stands for a bucket, as `aws s3` takes it, and what follows is the prefix."""
    assert is_arn(bucket)
    for prefix in ("", "a/", "a//b\n/"):
        assert parse_location(f"s3://{bucket}/{prefix}") == parse_location(f"s3://{bucket}/{prefix}".rstrip("/"))
        location = parse_location(f"s3://{bucket}/{prefix}")
        assert location == Location(bucket, prefix)
        assert parse_location(str(location)) == location


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        (_ACCESS_POINT.replace("s3:", "s3-object-lambda:"), "is an Object Lambda access point"),
        ("faces-0123456789--ol-s3", "is an Object Lambda access point"),
        ("arn:aws:s3:::bucket", "is not the ARN of an access point: write s3://bucket/prefix/"),
        (_ACCESS_POINT.replace("1111", ""), "is not the ARN of an access point"),
    ],
)
def test_refuses_what_no_bucket_stands_behind(bucket: str, said: str) -> None:
    """What it is, is named."""
    with pytest.raises(UsageError, match=said):
        parse_location(f"s3://{bucket}/x/")


def test_refuses_what_no_key_can_be() -> None:
    """Bytes on the command line that are no UTF-8 reach us as surrogates, and no request could carry them."""
    with pytest.raises(UsageError, match=r"'s3://data/\\udcff' is not valid UTF-8"):
        parse_location("s3://data/\udcff")


@given(prefix=KEYS)
def test_a_location_survives_being_written_and_read(prefix: str) -> None:
    """The text of a location gives the same location again."""
    location = parse_location(f"s3://data/{prefix}")
    assert parse_location(str(location)) == location
    assert location.prefix == "" or location.prefix.endswith("/")


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("s3://bb/a", "s3://bb/a/", True),
        ("s3://bb/a", "s3://bb/a/b", True),
        ("s3://bb", "s3://bb/a", True),
        ("s3://bb", "s3://bb/", True),
        ("s3://bb/a", "s3://bb/ab", False),
        ("s3://bb/train", "s3://bb/train2", False),
        ("s3://bb/a", "s3://bb/A", False),
        ("s3://bb/a", "s3://bb//a", False),
        ("s3://bb/a", "s3://cc/a", False),
        ("s3://bb", "s3://cc", False),
    ],
)
def test_overlap(one: str, other: str, *, overlap: bool) -> None:
    """Two prefixes overlap if one lies in the other, whichever is asked."""
    assert parse_location(one).overlaps(parse_location(other)) is overlap
    assert parse_location(other).overlaps(parse_location(one)) is overlap


@pytest.mark.parametrize(
    ("etag", "plain"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e", True),
        ("d41d8cd98f00b204e9800998ecf8427e-1", False),
        ("d41d8cd98f00b204e9800998ecf8427", False),
        ("d41d8cd98f00b204e9800998ecf8427e\n", False),
        ('"d41d8cd98f00b204e9800998ecf8427e"', False),
        ("g41d8cd98f00b204e9800998ecf8427e", False),
        ("", False),
    ],
)
def test_plain_md5(etag: str, *, plain: bool) -> None:
    """32 hex digits and nothing else."""
    assert is_plain_md5(etag) is plain


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("a/é 🙂.jpg", "a/é 🙂.jpg"),
        ("a\nb", "a\\nb"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\U000e0001b", "a\\U000e0001b"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_a_key_as_text(key: str, shown: str) -> None:
    """Only what a terminal would obey or hide is escaped."""
    assert printable(key) == shown


@given(key=st.text(max_size=30))
def test_a_key_as_text_is_one_harmless_line(key: str) -> None:
    """Nothing that is not printable is left, whatever the key, surrogates included."""
    assert printable(key).isprintable()


@given(one=KEYS, other=KEYS)
@example("\uffff", "\U00010000")
@example("a", "a\x00")
def test_text_compares_as_its_bytes(one: str, other: str) -> None:
    """Comparing keys as text is comparing their UTF-8 bytes, which is the order of LIST."""
    assert (one < other) == (one.encode() < other.encode())
