"""Parses the XML of S3 into our types.

Strategy: expat, in one pass and without building a tree. What nearly always has one form, byte for byte, is read by one
pattern instead, at a quarter of the CPU, and by expat if it differs. Answers come from a network, so a document type is
refused: no S3 answer has one, and the entities that it may declare are how a hostile one would exhaust memory.
"""

import re
from collections.abc import Callable
from sys import intern
from urllib.parse import unquote_plus
from xml.parsers import expat

from streammerge.dataset.checksums import Checksums
from streammerge.dataset.objects import Page, S3Object
from streammerge.errors import TransientError
from streammerge.s3.checksums import in_fields
from streammerge.s3.etags import plain


def _parse(body: bytes, what: str, ended: Callable[[str, str], None]) -> str:
    """Call `ended` with the name and text of every element, innermost first; returns the root's name.

    Raises TransientError if the body is cut short, is not XML, or declares a document type.
    """
    text: list[str] = []
    root = ""

    def start(_: str, __: object) -> None:
        text.clear()

    def end(name: str) -> None:
        nonlocal root
        root = name
        ended(name, "".join(text))
        text.clear()

    def refuse(*_: object) -> None:
        raise TransientError(
            f"{what}: the answer declares a document type, which none of S3's does", code="MalformedXML"
        )

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, UnicodeError) as error:
        raise TransientError(f"{what}: the answer is not well-formed XML: {error}", code="MalformedXML") from error
    return root


def _flat(body: bytes, what: str) -> tuple[str, dict[str, str]]:
    """The root's name and the text of each element by name, for small answers: the first one of a name counts."""
    values: dict[str, str] = {}

    def ended(name: str, text: str) -> None:
        values.setdefault(name, text)

    return _parse(body, what, ended), values


# A whole CopyObjectResult as Amazon and most others write it; whatever differs is parsed in full
_OTHERS = rb"(?:<(LastModified|Checksum[A-Za-z0-9]+)>[\w:.+/=-]*</\%d>\s*)*"
_COPIED = re.compile(
    rb"\s*<\?xml[^<>]*\?>\s*<CopyObjectResult[^<>&]*>\s*"
    + _OTHERS % 1
    + rb"<ETag>(?:&quot;|\")?([0-9a-f-]+)(?:&quot;|\")?</ETag>\s*"
    + _OTHERS % 3
    + rb"</CopyObjectResult>\s*"
)
_SPACE = " \t\r\n"  # what XML calls white space


def _decode(text: str) -> str:
    text = text.strip(_SPACE)
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


# An object of a page as Amazon and most others write it
_USUAL = re.compile(
    r"<Contents><Key>([!-%'-;=?-~]+)</Key><LastModified>([\w:.+-]+)</LastModified>"
    r"<ETag>(?:&quot;|\")([0-9a-f-]+)(?:&quot;|\")</ETag>(?:<ChecksumAlgorithm>\w*</ChecksumAlgorithm>)*"
    r"(?:<ChecksumType>\w*</ChecksumType>)?<Size>([0-9]{1,18})</Size>(?:<StorageClass>(\w*)</StorageClass>)?"
    r"(?:<Type>\w*</Type>)?</Contents>",
    re.ASCII,
)
_MARK = "streammerge-usual"  # stands for the objects that were cut out


def parse_page(body: bytes, what: str, read_etag: Callable[[str], str] = plain) -> Page:
    """Parse the answer to ListObjectsV2.

    read_etag: what makes of an ETag as it is written the one to compare by.

    Raises TransientError if it is cut short, is something else, or does not say whether and how it goes on.
    """
    encoded = b"<EncodingType>url</EncodingType>" in body  # then there is no white space in a key
    usual, rest = _cut_usual(body) if encoded else ([], body)
    page = _read_page(rest, what, usual, read_etag, encoded=encoded)
    return _read_page(body, what, [], read_etag, encoded=encoded) if usual else page


def _cut_usual(body: bytes) -> tuple[list[S3Object], bytes]:
    """The objects of a page, by one pattern at a quarter of expat's CPU, and the page with a mark in their place.

    Only if they stand in one run, and every byte of it is of the pattern; else no objects and the whole page.
    """
    start, end = body.find(b"<Contents>"), body.rfind(b"</Contents>") + len("</Contents>")
    pieces = _USUAL.split(body[start:end].decode("latin-1")) if 0 <= start < end else ["none"]
    if any(pieces[::6]):
        return [], body
    keys, modified, etags, sizes, classes = (pieces[group::6] for group in range(1, 6))
    shared = map(intern, [storage_class or "" for storage_class in classes])
    try:
        fields = zip(map(_decode, keys), map(int, sizes), etags, modified, shared, strict=True)
        objects = list(map(S3Object._make, fields))
    except UnicodeError:  # expat's part says what it is
        return [], body
    return objects, b"%b<%b/>%b" % (body[:start], _MARK.encode(), body[end:])


def _read_page(
    body: bytes, what: str, usual: list[S3Object], read_etag: Callable[[str], str], *, encoded: bool
) -> Page:
    """Read a page by expat. Objects that were cut out are taken from `usual`, unless the mark is in a comment, say."""
    decode = _decode if encoded else str
    objects: list[S3Object] = []
    prefixes: list[str] = []
    values: dict[str, str] = {}

    def ended(name: str, text: str) -> None:
        if name == "Contents":
            key = decode(values.pop("Key"))
            etag = read_etag(values.pop("ETag", ""))
            modified, storage_class = values.pop("LastModified", "").strip(), values.pop("StorageClass", "")
            objects.append(S3Object(key, int(values.pop("Size")), etag, modified, intern(storage_class)))
        elif name == "CommonPrefixes":
            prefixes.append(decode(values.pop("Prefix")))
        elif name == _MARK:
            objects.extend(usual)
            usual.clear()
        else:
            values[name] = text

    try:
        root = _parse(body, what, ended)
    except KeyError as error:
        raise TransientError(f"{what}: a listed object has no {error}", code="MalformedXML") from error
    except ValueError as error:
        raise TransientError(f"{what}: a listed object cannot be read: {error}", code="MalformedXML") from error
    if root != "ListBucketResult":
        raise TransientError(f"{what}: the answer is <{root}>, not <ListBucketResult>", code="MalformedXML")
    truncated = values.get("IsTruncated", "").strip()
    if truncated == "false":
        return Page(objects, prefixes, None)
    token = values.get("NextContinuationToken", "").strip()
    if truncated != "true" or not token:  # what does not say that it is the end might not be
        raise TransientError(f"{what}: the answer does not say whether and how it goes on", code="MalformedXML")
    return Page(objects, prefixes, token)


def parse_copy(body: bytes, what: str) -> str:
    """The ETag of a successful CopyObject; "" if the body is no such result.

    `200 OK` may carry an error instead, so only the body tells:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    if usual := _COPIED.fullmatch(body):
        return usual[2].decode()
    root, values = _flat(body, what)
    return plain(values.get("ETag", "")) if root == "CopyObjectResult" else ""


def checksums_of_copy(body: bytes) -> Checksums:
    """The checksums of the copy in the answer to a CopyObject that succeeded, where the store gives any."""
    _, values = _flat(body, "copy")
    return in_fields(values)


def parse_error(body: bytes) -> dict[str, str]:
    """The elements of an error answer (`Code`, `Message`, `RequestId`, `Region`, …); empty if it is none."""
    try:
        root, values = _flat(body, "error")
    except TransientError:
        return {}
    return values if root == "Error" else {}
