"""ETags: one form for comparisons, and the store's own form for requests.

Strategy: some stores write MD5s in upper case (Alibaba OSS, Tencent COS). They are the same MD5s, so within streammerge
the hex digits of an ETag, of parts or not, are in lower case. But a server may compare the ETag of a condition byte for
byte, so If-Match gets it in the case in which the store writes its own.
"""

import re
from collections.abc import Mapping

from streammerge.dataset.objects import is_plain_md5

ENCRYPTION, _WITH_KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm"
_NOT_MD5 = ("aws:kms", "aws:kms:dsse")  # encryption under which an ETag is no MD5
_UPPER = re.compile(r"(?=[0-9]*[A-F])[0-9A-F]{32}(?:-[0-9]+)?")
_LOWER = re.compile(r"[0-9a-f]{32}(?:-[0-9]+)?")


def plain(etag: str) -> str:
    """An ETag as a server wrote it, without its quotes, and hex digits in lower case."""
    etag = etag.strip().strip('"')
    return etag.lower() if _UPPER.fullmatch(etag) else etag


def hides_md5(answered: Mapping[str, str]) -> bool:
    """Whether an object is encrypted so that its ETag is no MD5, as the headers of an answer tell, in lower case."""
    return answered.get(ENCRYPTION) in _NOT_MD5 or _WITH_KEY in answered


def etag_is_md5(etag: str, answered: Mapping[str, str]) -> bool:
    """Whether an ETag is the MD5 of an object, as the headers of an answer tell, names in lower case."""
    return is_plain_md5(etag) and not hides_md5(answered)


class ETags:
    """The ETags of one endpoint."""

    def __init__(self) -> None:
        self._upper = False

    def read(self, etag: str) -> str:
        """What `plain` returns; the case is remembered."""
        read = plain(etag)
        self._upper = self._upper or read not in etag
        return read

    def quoted(self, etag: str) -> str:
        """An ETag for a condition: quoted, in the case in which the store writes it."""
        return f'"{etag.upper() if self._upper and _LOWER.fullmatch(etag) else etag}"'
