"""ETags in upper case are the same MD5s, and go back to the store as it writes them."""

import pytest

from streammerge.dataset.objects import is_plain_md5
from streammerge.s3.etags import ETags, plain
from streammerge.s3.xml import parse_copy, parse_page

_MD5 = "0123456789abcdef" * 2
_PAGE = (
    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>a/1.jpg</Key>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag><Size>3</Size></Contents>"
    "</ListBucketResult>"
)


@pytest.mark.parametrize("etag", [_MD5, f"{_MD5}-12"])
@pytest.mark.parametrize("quotes", ["", '"'])
def test_an_etag_of_hex_digits_is_read_in_lower_case(etag: str, quotes: str) -> None:
    """Of parts or not, quoted or not."""
    assert plain(f" {quotes}{etag.upper()}{quotes}\n") == plain(f"{quotes}{etag}{quotes}") == etag


@pytest.mark.parametrize("etag", ["", "1" * 32, f"{_MD5[:-1]}G", f"{_MD5}A".upper(), "Ab" * 16, f"{_MD5.upper()}-x"])
def test_any_other_etag_is_left_as_it_is(etag: str) -> None:
    """It may be anything, so nothing of it is equal to anything else."""
    assert plain(f'"{etag}"') == etag


def test_a_page_in_upper_case() -> None:
    """Its objects have the MD5 by which they are compared, and a condition has the ETag as it was listed."""
    etags = ETags()
    (found,) = parse_page(_PAGE.format(_MD5.upper()).encode(), "LIST", etags.read).objects
    assert (found.etag, is_plain_md5(found.etag)) == (_MD5, True)
    assert etags.quoted(found.etag) == f'"{_MD5.upper()}"'
    assert etags.quoted(f"{_MD5}-2") == f'"{_MD5.upper()}-2"'
    assert etags.quoted("abc") == '"abc"'


def test_a_page_in_lower_case() -> None:
    """Conditions are in lower case then."""
    etags = ETags()
    (found,) = parse_page(_PAGE.format(_MD5).encode(), "LIST", etags.read).objects
    assert etags.quoted(found.etag) == f'"{_MD5}"'


def test_a_copy_in_upper_case() -> None:
    """Its ETag is compared with the source's."""
    body = f"<CopyObjectResult><ETag>&quot;{_MD5.upper()}&quot;</ETag></CopyObjectResult>"
    assert parse_copy(body.encode(), "copy") == _MD5
