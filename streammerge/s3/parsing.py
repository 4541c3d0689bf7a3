"""What S3 answers, parsed straight into our types.

Strategy: expat with one handler for the end of an element and one that gathers text; a page is parsed in one pass
without building a tree. Answers come from a network, so a document type is refused: no S3 answer has one, and the
entities it may declare are how a hostile one would exhaust memory.
"""

from dataclasses import dataclass, field
from urllib.parse import unquote_plus
from xml.parsers import expat

from streammerge.core.keys import Listed, Page
from streammerge.errors import TransientError


@dataclass(slots=True)
class _Parser:
    """The text of every element, handed to `ended` by name."""

    root: str = ""
    text: list[str] = field(default_factory=list)

    def parse(self, body: bytes, what: str) -> None:
        """Raises TransientError if the body is cut short or is not XML."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, UnicodeError) as error:
            raise TransientError(f"{what}: the answer is not well-formed XML: {error}", code="MalformedXML") from error

    def _refuse(self, *_: object) -> None:
        raise TransientError("the answer declares a document type, which no answer of S3 does", code="MalformedXML")

    def _start(self, name: str, _: object) -> None:
        self.root = self.root or name
        self.text.clear()

    def _end(self, name: str) -> None:
        self.ended(name, "".join(self.text))
        self.text.clear()

    def ended(self, name: str, text: str) -> None:
        raise NotImplementedError


@dataclass(slots=True)
class _Flat(_Parser):
    """The text of each element by name, for small answers: the first one of a name counts."""

    values: dict[str, str] = field(default_factory=dict)

    def ended(self, name: str, text: str) -> None:
        self.values.setdefault(name, text)


@dataclass(slots=True)
class _Listing(_Parser):
    objects: list[tuple[str, int, str, str]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    within: dict[str, str] = field(default_factory=dict)

    def ended(self, name: str, text: str) -> None:
        if name == "Contents":
            item = self.within
            self.objects.append(
                (item["Key"], int(item["Size"]), item.get("ETag", "").strip('"'), item.get("LastModified", ""))
            )
            self.within = {}
        elif name == "CommonPrefixes":
            self.prefixes.append(self.within["Prefix"])
            self.within = {}
        else:
            self.within[name] = text
            if name in ("EncodingType", "IsTruncated", "NextContinuationToken"):
                self.values[name] = text


def parse_page(body: bytes, what: str) -> Page:
    """Parse the answer to ListObjectsV2.

    Raises TransientError if it is cut short, is something else, or does not say whether and how it goes on.
    """
    parser = _Listing()
    try:
        parser.parse(body, what)
    except (KeyError, ValueError) as error:
        raise TransientError(f"{what}: a listed object lacks its {error}", code="MalformedXML") from error
    if parser.root != "ListBucketResult":
        raise TransientError(f"{what}: the answer is <{parser.root}>, not <ListBucketResult>", code="MalformedXML")
    token = parser.values.get("NextContinuationToken") or None
    truncated = parser.values.get("IsTruncated")
    if truncated not in ("true", "false"):
        raise TransientError(f"{what}: the answer does not say whether there is more", code="MalformedXML")
    if truncated == "false":
        token = None
    elif token is None:
        raise TransientError(f"{what}: truncated, without a token to go on", code="MalformedXML")
    if parser.values.get("EncodingType") != "url":
        return Page([Listed(*item) for item in parser.objects], parser.prefixes, token)
    try:
        return Page(
            [Listed(_decode(key), size, etag, modified) for key, size, etag, modified in parser.objects],
            [_decode(prefix) for prefix in parser.prefixes],
            token,
        )
    except UnicodeDecodeError as error:
        raise TransientError(f"{what}: a key is not UTF-8: {error}", code="MalformedXML") from error


def _decode(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def parse_copy(body: bytes, what: str) -> str:
    """The ETag of a successful CopyObject; "" if the body is no such result.

    `200 OK` may carry an error instead, so only the body tells:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    parser = _Flat()
    parser.parse(body, what)
    return parser.values.get("ETag", "").strip('"') if parser.root == "CopyObjectResult" else ""


def parse_error(body: bytes) -> dict[str, str]:
    """The elements of an error answer (`Code`, `Message`, `RequestId`, `Region`, …); empty if it is none."""
    parser = _Flat()
    try:
        parser.parse(body, "error")
    except TransientError:
        return {}
    return parser.values if parser.root == "Error" else {}
