"""What was probably meant by a URL that is not `s3://…`: the same place as browsers, consoles and Hadoop write it."""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")
_CONSOLE = re.compile(r".*\bconsole\.aws\.amazon\.com")
_BUCKETS = "/s3/buckets/"
_SCHEMES = ("s3", "s3a", "s3n")


def meant_by(url: str) -> str | None:
    """The `s3://` URL of the same place; None if it is not known to be one in S3."""
    scheme, separator, rest = url.partition(":/")
    if scheme.lower() in _SCHEMES and separator:
        return f"s3://{rest.lstrip('/')}"
    try:
        split = urlsplit(url)
    except ValueError:  # as of brackets around what is no address
        return None
    return _of_web(split) if split.scheme in ("http", "https") else None


def _of_web(split: SplitResult) -> str | None:
    if found := _HOST.fullmatch(split.netloc):
        return f"s3://{found['bucket'] + '/' if found['bucket'] else ''}{unquote(split.path).removeprefix('/')}"
    if _CONSOLE.fullmatch(split.netloc) and split.path.startswith(_BUCKETS):
        prefix = parse_qs(split.query).get("prefix", [""])[0]
        return f"s3://{split.path.removeprefix(_BUCKETS).rstrip('/')}/{prefix}"
    return None
