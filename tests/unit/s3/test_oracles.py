"""What goes over the wire, against botocore: signatures, addresses, answers, and what errors mean."""

import contextlib
import datetime as dt
import io
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.parsers
import botocore.session
import pytest
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st

from streammerge.dataset.objects import Page, S3Object
from streammerge.errors import (
    ChangedError,
    DeniedError,
    IncompleteError,
    ObjectError,
    RunError,
    StreamMergeError,
    ThrottledError,
    TransientError,
)
from streammerge.s3 import xml
from streammerge.s3 import xml as parsing
from streammerge.s3.error_codes import classify, from_client_error
from streammerge.s3.sigv4 import UNSIGNED, Credentials, encode_path, encode_query, sign
from streammerge.s3.xml import checksums_of_copy, parse_copy, parse_error, parse_page

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.one_of(
    TEXT.filter(bool),
    st.text(st.sampled_from("a /+%&=?#~*'\"\\\n\r\t\x00\x01é🙂\uffff:;,@<>"), min_size=1, max_size=12),
    st.sampled_from([".", "..", "a/../b", "/a", "a//b", "%41", "a+b c", "a%20b", "a/", "train/é/🙂.jpg"]),
)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
SECRETS = st.builds(Credentials, ASCII, ASCII, st.one_of(st.none(), ASCII))
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "aws-global", "default", "x"])
MOMENTS = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31)).map(  # noqa: DTZ001 - see next
    lambda moment: moment.replace(tzinfo=dt.UTC, microsecond=0)
)
HEADERS = st.dictionaries(
    st.sampled_from(["x-amz-copy-source", "x-amz-copy-source-if-match", "x-amz-tagging", "if-none-match", "x-amz-acl"]),
    ASCII,
)


@given(
    method=st.sampled_from(["GET", "PUT"]),
    key=KEYS,
    parameters=st.dictionaries(TEXT.filter(bool), TEXT, max_size=4),
    headers=HEADERS,
    credentials=SECRETS,
    region=REGIONS,
    moment=MOMENTS,
    host=st.sampled_from(["bucket.s3.amazonaws.com", "127.0.0.1:9000"]),
)
@example(
    "GET",
    "k",
    {"a:": "1", "a0": "2", "a": "3"},
    {},
    Credentials("A", "S"),
    "x",
    dt.datetime.now(dt.UTC),
    "h",
)
def test_authorization_is_botocores(  # noqa: PLR0917 - all that goes into a signature
    method: str,
    key: str,
    parameters: dict[str, str],
    headers: dict[str, str],
    credentials: Credentials,
    region: str,
    moment: dt.datetime,
    host: str,
) -> None:
    """Every header that we add, the signature above all, is what botocore's S3SigV4Auth adds."""
    path, query = f"/{encode_path(key)}", encode_query(parameters)
    theirs = botocore.awsrequest.AWSRequest(
        method=method, url=f"https://{host}{path}{'?' if query else ''}{query}", headers={**headers, "host": host}
    )
    signer = botocore.auth.S3SigV4Auth(
        botocore.credentials.Credentials(credentials.access_key, credentials.secret_key, credentials.token),
        "s3",
        region,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        signer.add_auth(theirs)
    ours = {**headers, "host": host}
    sign(method, path, query, ours, credentials, region=region, timestamp=moment.strftime("%Y%m%dT%H%M%SZ"))
    assert ours == {name.lower(): value for name, value in theirs.headers.items()}


@given(values=st.dictionaries(st.sampled_from("abc"), st.text(" xy", max_size=6)), moment=MOMENTS)
def test_a_request_with_a_body_is_signed_as_botocore_signs_it(values: dict[str, str], moment: dt.datetime) -> None:
    """A body goes unsigned, its MD5 among the headers; blanks in metadata are signed as one."""
    headers = {f"x-amz-meta-{name}": value.strip() for name, value in values.items()} | {"content-md5": "bWQ1"}
    theirs = botocore.awsrequest.AWSRequest(
        method="PUT", url="https://host/key", data=b"x", headers={**headers, "host": "host"}
    )
    theirs.context["payload_signing_enabled"] = False
    theirs.context["client_config"] = botocore.config.Config(s3={"payload_signing_enabled": False})
    theirs.context["has_streaming_input"] = True
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("KEY", "SECRET"), "s3", "us-east-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        signer.add_auth(theirs)
    ours = {**headers, "host": "host"}
    timestamp = moment.strftime("%Y%m%dT%H%M%SZ")
    sign(
        "PUT", "/key", "", ours, Credentials("KEY", "SECRET"), region="us-east-1", timestamp=timestamp, payload=UNSIGNED
    )
    assert ours == {name.lower(): value for name, value in theirs.headers.items()}


def test_credentials_show_no_secret() -> None:
    """Neither the text nor the repr of credentials holds any part of them."""
    credentials = Credentials("AKIDEXAMPLE", "a-secret", "a-token")
    for text in (str(credentials), repr(credentials), f"{[credentials]}"):
        assert not any(secret in text for secret in ("AKIDEXAMPLE", "a-secret", "a-token"))


class HttpPool:
    """A client of botocore's whose requests end here: `sent` is the last, `answer` what it gets."""

    def __init__(self) -> None:
        session = botocore.session.Session()
        self.client = session.create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url="http://127.0.0.1:1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=botocore.session.botocore.config.Config(
                retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )
        self.client.meta.events.register("before-send.s3", self._send)
        self.sent: Any = None
        self.answer = (200, b"")

    def _send(self, request: Any, **_: Any) -> Any:
        self.sent = request
        status, body = self.answer
        return botocore.awsrequest.AWSResponse(request.url, status, {}, _Raw(body))


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture(scope="module")
def wire(hermetic_environment: None) -> HttpPool:  # noqa: ARG001 - the environment first
    """A client whose requests end in this process."""
    return HttpPool()


RESULT = b'<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>'


@given(source=KEYS, target=KEYS)
def test_the_address_of_a_copy_is_botocores(wire: HttpPool, source: str, target: str) -> None:
    """URL and copy source of a CopyObject, for any keys."""
    wire.answer = (200, RESULT)
    wire.client.copy_object(Bucket="bucket", Key=target, CopySource={"Bucket": "other", "Key": source})
    assert wire.sent.url == f"http://127.0.0.1:1/bucket/{encode_path(target)}"
    assert wire.sent.headers["x-amz-copy-source"].decode() == encode_path(f"other/{source}")


@given(prefix=TEXT, token=TEXT.filter(bool), after=TEXT.filter(bool))
def test_the_address_of_a_listing_is_botocores(wire: HttpPool, prefix: str, token: str, after: str) -> None:
    """The query of a ListObjectsV2, but for the order, which is free until it is signed."""
    wire.answer = (200, b"<ListBucketResult/>")
    wire.client.list_objects_v2(Bucket="bucket", Prefix=prefix, ContinuationToken=token, StartAfter=after)
    ours = {
        "list-type": "2",
        "encoding-type": "url",
        "prefix": prefix,
        "continuation-token": token,
        "start-after": after,
    }
    _, _, query = wire.sent.url.partition("?")
    assert sorted(query.split("&")) == encode_query(ours).split("&")


def element(name: str, *content: str, indent: str = "") -> str:
    """An element of text or of elements."""
    inner = "".join(content)
    return f"{indent}<{name}>{inner}{indent if '<' in inner else ''}</{name}>"


def text(value: str) -> str:
    """Text as S3 escapes it, quotes included."""
    return escape(value, {'"': "&quot;", "\r": "&#13;"})


def amazon(key: str) -> str:
    """A key under encoding-type=url as Amazon writes it."""
    return quote_plus(key, safe="/*")


ENCODINGS: list[Callable[[str], str]] = [amazon, quote, quote_plus, lambda key: quote(key, safe="")]
RAW_KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
ETAGS = st.sampled_from(["d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e-12", ""])
ENTRIES = st.tuples(KEYS, st.integers(0, 1 << 50), ETAGS, MOMENTS, st.booleans())


def entry(key: str, size: int, etag: str, modified: dt.datetime, *, owner: bool, indent: str) -> str:
    """The Contents element of an object."""
    fields = [
        element("Key", text(key), indent=indent),
        element("LastModified", modified.strftime("%Y-%m-%dT%H:%M:%S.000Z"), indent=indent),
        element("ETag", text(f'"{etag}"'), indent=indent),
        *[element("ChecksumAlgorithm", name, indent=indent) for name in ("CRC32", "SHA256")],
        element("Size", str(size), indent=indent),
    ]
    if owner:
        named = element("ID", "75aa", indent=indent) + element("DisplayName", text("Key & <Size>"), indent=indent)
        fields.insert(len(key) % len(fields), element("Owner", named, indent=indent))
    return element("Contents", *fields, element("StorageClass", "STANDARD", indent=indent), indent=indent)


def listing(*parts: str, truncated: bool, token: str, encoded: bool = True, indent: str = "") -> bytes:
    """The answer to a ListObjectsV2."""
    head = [
        element("Name", "bucket", indent=indent),
        element("Prefix", "x%2F", indent=indent),
        element("KeyCount", "7", indent=indent),
        element("MaxKeys", "1000", indent=indent),
        element("IsTruncated", str(truncated).lower(), indent=indent),
    ]
    head += [element("EncodingType", "url", indent=indent)] if encoded else []
    head += [element("NextContinuationToken", text(token), indent=indent)] if truncated else []
    root = 'ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    body = "".join([*head, *parts])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{body}{indent}</ListBucketResult>'.encode()


def botocores_page(wire: HttpPool, body: bytes) -> Page:
    """The page as botocore reads it."""
    wire.answer = (200, body)
    page = wire.client.list_objects_v2(Bucket="bucket")
    return Page(
        [
            S3Object(
                item["Key"],
                item["Size"],
                item["ETag"].strip('"'),
                item["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                item.get("StorageClass", ""),
            )
            for item in page.get("Contents", [])
        ],
        [item["Prefix"] for item in page.get("CommonPrefixes", [])],
        page.get("NextContinuationToken"),
    )


@given(
    entries=st.lists(ENTRIES, max_size=4),
    prefixes=st.lists(KEYS, max_size=3),
    encode=st.sampled_from(ENCODINGS),
    token=ASCII,
    truncated=st.booleans(),
    indent=st.sampled_from(["", "\n  "]),
)
def test_a_page_is_botocores(
    wire: HttpPool,
    entries: list[tuple[str, int, str, dt.datetime, bool]],
    prefixes: list[str],
    encode: Callable[[str], str],
    token: str,
    *,
    truncated: bool,
    indent: str,
) -> None:
    """Any keys in any of the encodings that stores use: what was listed, and what botocore reads."""
    body = listing(
        *(
            entry(encode(key), size, etag, modified, owner=owner, indent=indent)
            for key, size, etag, modified, owner in entries
        ),
        *(element("CommonPrefixes", element("Prefix", text(encode(prefix)))) for prefix in prefixes),
        truncated=truncated,
        token=token,
        indent=indent,
    )
    page = parse_page(body, "LIST")
    assert [(found.key, found.size, found.etag) for found in page.objects] == [one[:3] for one in entries]
    assert page.prefixes == prefixes
    assert page.token == (token if truncated else None)
    assert page == botocores_page(wire, body)


@given(keys=st.lists(RAW_KEYS, max_size=4))
def test_a_page_without_encoding_is_taken_literally(wire: HttpPool, keys: list[str]) -> None:
    """A store that ignores encoding-type says so, and its keys are not decoded."""
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    entries = (entry(key, 1, "e", moment, owner=True, indent="") for key in keys)
    body = listing(*entries, truncated=False, token="", encoded=False)
    page = parse_page(body, "LIST")
    assert [found.key for found in page.objects] == keys
    assert page == botocores_page(wire, body)


MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PAGE = listing(
    entry("x/a%0A%F0%9F%99%82+1.jpg", 12, "d41d8cd98f00b204e9800998ecf8427e", MOMENT, owner=True, indent=""),
    entry("x/b.jpg", 3, "e-2", MOMENT, owner=False, indent=""),
    element("CommonPrefixes", element("Prefix", "x/c/")),
    truncated=False,
    token="",
)
COPIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag>"
    b"<ChecksumCRC32>AAAAAA==</ChecksumCRC32></CopyObjectResult>"
)
ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce &amp; wait</Message>'
    b"<RequestId>44425</RequestId><HostId>Uuag=</HostId></Error>"
)


USUAL = listing(
    *(
        entry(key, 12, "d41d8cd98f00b204e9800998ecf8427e", MOMENT, owner=False, indent="")
        for key in ("x/a%0A%F0%9F%99%82+1.jpg", "x/b.jpg", "x/c.jpg")
    ),
    truncated=True,
    token="t",
)
_NO_PATTERN = re.compile("(.)(.)(.)(.)never")


def _read(body: bytes) -> Page | str:
    try:
        return parse_page(body, "LIST")
    except TransientError as error:
        return str(error)


def _by_expat(body: bytes) -> Page | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "_USUAL", _NO_PATTERN)
        return _read(body)


def _usual_objects(body: bytes) -> int:
    return len(parsing._cut_usual(body)[0])


def test_usual_objects_are_read_by_the_pattern() -> None:
    """Pages as Amazon and Ceph write them do not need expat for their objects."""
    checked = b"<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>"
    for body in (
        USUAL,
        USUAL.replace(b"&quot;", b'"'),
        USUAL.replace(b"<Size>", checked),
        USUAL.replace(b"<StorageClass>STANDARD</StorageClass>", b""),
        USUAL.replace(b"</Contents>", b"<Type>Normal</Type></Contents>"),
    ):
        assert _usual_objects(body) == 3
        assert _read(body) == _by_expat(body)


_PIECES = st.sampled_from([
    b"", b"x", b" ", b"\n", b"<", b">", b"&amp;", b"%", b"%FF", b"+", b"\0", b"\xc3\xa9", b"<a/>", b"<!--", b"-->",
    b"<?a ", b"?>", b"<![CDATA[", b"]]>", b"<Contents>", b"</Contents>", b"<Key>y</Key>", b"<Size>7</Size>", b"<a>",
    b"</a>", b"<Contents><Key>x/z.jpg</Key><Size>1</Size></Contents>", b"<!DOCTYPE a>", b' a="', b'"',
])  # fmt: skip


@given(cuts=st.lists(st.tuples(st.integers(0, len(USUAL)), st.sampled_from([0, 0, 0, 1, 5, 40]), _PIECES), max_size=4))
@example([(USUAL.index(b"<Contents>"), 0, b"<!--"), (USUAL.rindex(b"</Contents>") + 15, 0, b"-->")])
@example([(USUAL.index(b"<Contents>"), 0, b"<![CDATA["), (USUAL.rindex(b"</Contents>") + 20, 0, b"]]>")])
@example([(USUAL.index(b"<Contents>"), 0, b"<?a "), (USUAL.rindex(b"</Contents>") + 15, 0, b"?>")])
@example([(USUAL.index(b"%F0"), 3, b"%FF")])
@example([(USUAL.index(b"<ETag>"), 0, b"<Contents>")])
@example([(USUAL.index(b"</Contents>"), 0, b"<Contents><Key>y</Key></Contents>")])
def test_the_pattern_reads_what_expat_reads(cuts: list[tuple[int, int, bytes]]) -> None:
    """Whatever is changed in a page, it comes out the same, or is refused with the same words, as by expat alone."""
    body = USUAL
    for start, length, inserted in cuts:
        body = body[:start] + inserted + body[start + length :]
    ours, theirs = _read(body), _by_expat(body)
    if "not well-formed" in str(theirs):  # at another column
        assert "not well-formed" in str(ours)
    else:
        assert ours == theirs


@pytest.mark.parametrize("body", [PAGE, USUAL, listing(truncated=True, token="t")], ids=["last", "usual", "truncated"])
def test_a_page_cut_short_is_no_page(body: bytes) -> None:
    """At whatever byte a page ends too soon it is tried again, never taken for a shorter one."""
    assert isinstance(parse_page(body, "LIST"), Page)
    for end in range(len(body)):
        with pytest.raises(TransientError, match="LIST: "):
            parse_page(body[:end], "LIST")


def test_a_copy_cut_short_is_no_copy() -> None:
    """At whatever byte the answer to a copy ends too soon, it is not taken for success."""
    assert parse_copy(COPIED, "copy") == "9b2cf535f27731c974343645a3985328"
    for end in range(len(COPIED)):
        with pytest.raises(TransientError, match="copy: "):
            parse_copy(COPIED[:end], "copy")


def test_an_error_cut_short_says_nothing() -> None:
    """Half an error has no code that something might be concluded from."""
    assert parse_error(ERROR)["Code"] == "SlowDown"
    assert all(parse_error(ERROR[:end]) == {} for end in range(len(ERROR)))


@given(
    body=st.sampled_from([PAGE, USUAL, COPIED, ERROR]),
    cuts=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 5), st.binary(max_size=5)), max_size=3),
)
@example(b'<?xml version="1.0" encoding="klingon"?><a/>', [])
@example(b'<?xml version="1.0" encoding="gbk"?><a/>', [])
@example(PAGE.replace(b"%F0%9F", b"%FF"), [])
@example(b"", [])
def test_garbage_is_tried_again(body: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """Whatever bytes arrive, they are an answer or a TransientError; nothing else comes out."""
    for start, length, inserted in cuts:
        body = body[:start] + inserted + body[start + length :]
    for parse in (parse_page, parse_copy):
        with contextlib.suppress(TransientError):
            assert isinstance(parse(body, "it"), (Page, str))
    assert isinstance(parse_error(body), dict)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (ERROR, "the answer is <Error>, not <ListBucketResult>"),
        (COPIED, "the answer is <CopyObjectResult>"),
        (PAGE.replace(b"<IsTruncated>false</IsTruncated>", b""), "does not say whether and how it goes on"),
        (PAGE.replace(b">false<", b"><"), "does not say whether and how it goes on"),
        (PAGE.replace(b">false<", b">true<"), "does not say whether and how it goes on"),
        (listing(truncated=True, token=""), "does not say whether and how it goes on"),
        (PAGE.replace(b"<Key>x/b.jpg</Key>", b""), "a listed object has no 'Key'"),
        (PAGE.replace(b"<Size>3</Size>", b""), "a listed object has no 'Size'"),
        (PAGE.replace(b"<Size>3</Size>", b"<Size>many</Size>"), "a listed object cannot be read"),
        (PAGE.replace(b"%F0%9F", b"%FF"), "can't decode byte 0xff"),
        (b"<html><body>502 Bad Gateway</body></html>", "the answer is <html>"),
        (b'{"keys": []}', "not well-formed XML"),
    ],
)
def test_a_page_that_cannot_be_right(body: bytes, problem: str) -> None:
    """A page that lacks what every page has is tried again, never taken for the end of the listing."""
    with pytest.raises(TransientError) as caught:
        parse_page(body, "LIST")
    assert problem in str(caught.value)


def test_a_token_of_a_last_page_means_nothing() -> None:
    """Only a truncated page is gone on with."""
    token = b"</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    assert parse_page(PAGE.replace(b"</IsTruncated>", token), "LIST").token is None
    assert parse_page(PAGE.replace(b">false</IsTruncated>", b">true" + token), "LIST").token == "t"


@given(etag=ETAGS, quoted=st.booleans(), before=st.booleans())
def test_a_copy_is_botocores(wire: HttpPool, etag: str, *, quoted: bool, before: bool) -> None:
    """The ETag of the result, with or without quotes, wherever it stands."""
    fields = [
        element("ETag", text(f'"{etag}"' if quoted else etag)),
        element("LastModified", "2026-01-01T00:00:00.000Z"),
    ]
    body = element("CopyObjectResult", *(fields if before else reversed(fields))).encode()
    wire.answer = (200, body)
    theirs = wire.client.copy_object(Bucket="bucket", Key="k", CopySource="other/k")["CopyObjectResult"]["ETag"]
    assert parse_copy(body, "copy") == theirs.strip('"') == etag


def test_the_checksums_of_a_copy() -> None:
    """What Amazon's answer has of them beside the ETag, which is read at once all the same."""
    found = COPIED.replace(b"CRC32>", b"CRC64NVME>")
    answer = found.replace(b"</ETag>", b"</ETag><ChecksumType>FULL_OBJECT</ChecksumType>")
    assert xml._COPIED.fullmatch(answer)
    assert parse_copy(answer, "copy") == "9b2cf535f27731c974343645a3985328"
    assert checksums_of_copy(answer) == ({"crc64nvme": "AAAAAA=="}, {})
    assert checksums_of_copy(answer.replace(b"FULL_OBJECT", b"COMPOSITE")) == ({}, {"crc64nvme": "AAAAAA=="})
    assert checksums_of_copy(b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>") == ({}, {})


@pytest.mark.parametrize(
    "body",
    [
        ERROR,
        b"<CopyObjectResult/>",
        b"<CopyObjectResult><LastModified>x</LastModified></CopyObjectResult>",
        b"<CopyObjectResult><ETag/></CopyObjectResult>",
        b"<Error><ETag>e</ETag></Error>",
        b"<x><CopyObjectResult><ETag>e</ETag></CopyObjectResult></x>",
    ],
)
def test_a_200_without_a_result_is_no_copy(body: bytes) -> None:
    """Without a CopyObjectResult and an ETag there is no success."""
    assert parse_copy(body, "copy") == ""


@given(code=st.sampled_from(["SlowDown", "NoSuchKey", "X"]), message=RAW_KEYS, status=st.sampled_from([400, 403, 503]))
def test_an_error_is_botocores(wire: HttpPool, code: str, message: str, status: int) -> None:
    """Code, message and request id, whatever the message holds."""
    body = element(
        "Error",
        element("Code", code),
        element("Message", text(message)),
        element("RequestId", "id-1"),
        element("Detail", element("Code", "inner")),
    ).encode()
    wire.answer = (status, body)
    with pytest.raises(ClientError) as caught:
        wire.client.copy_object(Bucket="bucket", Key="k", CopySource="other/k")
    theirs = caught.value.response["Error"]
    ours = parse_error(body)
    assert (ours["Code"], ours["Message"]) == (theirs["Code"], theirs["Message"] or "") == (code, message)
    assert ours["RequestId"] == "id-1"


def test_what_is_no_error_says_nothing() -> None:
    """Only an Error element has a code."""
    assert parse_error(b"<html><Code>SlowDown</Code></html>") == {}
    assert parse_error(COPIED) == {}


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
DOCTYPES = [
    f"<!DOCTYPE x [{LAUGHS}]>",
    '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">',
    "<!DOCTYPE x>",
]


@pytest.mark.parametrize("doctype", DOCTYPES, ids=["laughs", "file", "external", "empty"])
def test_document_types_are_refused(doctype: str) -> None:
    """No entity is ever expanded, fetched or skipped: an answer with a document type is none."""
    copied = f"{doctype}<CopyObjectResult><ETag>a&l9;</ETag></CopyObjectResult>".encode()
    listed = f"{doctype}<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".encode()
    with pytest.raises(TransientError, match="document type"):
        parse_copy(copied, "copy")
    with pytest.raises(TransientError, match="document type"):
        parse_page(listed, "LIST")
    assert parse_error(f"{doctype}<Error><Code>SlowDown</Code></Error>".encode()) == {}


MEANINGS: list[tuple[int, str, type[StreamMergeError]]] = [
    (503, "SlowDown", ThrottledError),
    (503, "ServiceUnavailable", ThrottledError),
    (503, "", ThrottledError),
    (429, "", ThrottledError),
    (429, "TooManyRequests", ThrottledError),
    (400, "RequestLimitExceeded", ThrottledError),
    (500, "SlowDown", ThrottledError),
    (500, "InternalError", TransientError),
    (500, "", TransientError),
    (502, "", TransientError),
    (504, "", TransientError),
    (408, "", TransientError),
    (400, "RequestTimeout", TransientError),
    (403, "RequestTimeTooSkewed", TransientError),
    (409, "OperationAborted", TransientError),
    (409, "ConditionalRequestConflict", TransientError),
    (400, "IncompleteBody", TransientError),
    (404, "NoSuchKey", ChangedError),
    (412, "PreconditionFailed", ChangedError),
    (404, "", ChangedError),
    (412, "", ChangedError),
    (403, "AccessDenied", DeniedError),
    (403, "AllAccessDisabled", DeniedError),
    (403, "", DeniedError),
    (400, "InvalidRequest", ObjectError),
    (400, "KeyTooLongError", ObjectError),
    (501, "NotImplemented", ObjectError),
    (0, "", ObjectError),
    (404, "NoSuchBucket", RunError),
    (403, "InvalidAccessKeyId", RunError),
    (400, "InvalidStorageClass", RunError),
    (403, "SignatureDoesNotMatch", RunError),
    (400, "InvalidToken", RunError),
    (301, "PermanentRedirect", RunError),
    (307, "TemporaryRedirect", RunError),
    (400, "AuthorizationHeaderMalformed", RunError),
    (400, "ExpiredToken", IncompleteError),
    (403, "ExpiredToken", IncompleteError),
    (400, "TokenRefreshRequired", IncompleteError),
    (403, "RequestExpired", IncompleteError),
]


@pytest.mark.parametrize(("status", "code", "kind"), MEANINGS, ids=[f"{status}-{code}" for status, code, _ in MEANINGS])
def test_what_an_error_means(status: int, code: str, kind: type[StreamMergeError]) -> None:
    """Code and status choose the policy, exactly; the text says which request, and S3's own words."""
    error = classify("copy 'k'", status=status, code=code, message="because")
    assert type(error) is kind
    assert str(error).startswith(f"copy 'k': {code or f'HTTP {status}'}: because")


def test_an_error_says_what_support_asks_for() -> None:
    """Code, status and request id stay with the error."""
    error = classify("copy", status=503, code="SlowDown", request_id="id-1")
    assert isinstance(error, ThrottledError)
    assert (error.code, error.status, error.request_id) == ("SlowDown", 503, "id-1")
    assert str(error) == "copy: SlowDown (request id id-1)"


def test_errors_of_botocore_mean_the_same() -> None:
    """What botocore raises is classified as what we get ourselves; the status it gives for a HEAD is no code."""
    for (status, code, kind), message in itertools.product(MEANINGS, ["", "because"]):
        response: dict[str, Any] = {
            "Error": {"Code": code or str(status), "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "id-1"},
        }
        error = from_client_error("HEAD", ClientError(response, "HeadObject"))
        assert type(error) is kind
        assert str(error) == str(classify("HEAD", status=status, code=code, message=message, request_id="id-1"))


def test_an_error_of_botocore_without_anything() -> None:
    """An answer without code, status or metadata is an object's failure, not a crash."""
    empty: dict[str, Any] = {"Error": {"Code": None, "Message": None}}  # what botocore makes of empty elements
    for response in ({}, empty):
        error = from_client_error("HEAD", ClientError(response, "HeadObject"))
        assert type(error) is ObjectError
        assert str(error) == "HEAD: HTTP 0"
