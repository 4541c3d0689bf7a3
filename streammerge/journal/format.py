"""The format of the journal: its records, one per line, and how a line is read.

Format, version 1. A journal is a sequence of lines, each the CRC-32 of the rest in eight hex digits, a space, and one
JSON object; lines end with a newline. `did` says what a line is:

    began    version, fingerprint (of the job), job (in words), run (a random name for the run), at; command (a line
             of shell that resumes the job), only if it is known
    copied   source, key, etag, size, target, at; only where the target's ETag is not `etag`: result, which is that, and
             checksum, as `ALGORITHM VALUE`, of the full object at the target, if S3 gave one
    failed   source, key, etag, size, target, at; code, reason (with S3's request id)
    opening  target, at: recorded before a multipart upload is begun
    opened   target, upload, at: it was begun, recorded before its first part
    closed   upload, at: it was completed or aborted
    removed  target, at: recorded before it is removed
    ended    complete (bool), at; each only where there is something to say: conflicts (images that were left for the
             user to decide), left (images and removals that another run would try; absent where that is not known, as
             in a run that was stopped before everything was listed), present (images that were there before this
             run), reason (why the run was stopped before its end), refused (true: it was because the input is wrong)

`at` is in seconds since 1970, sizes are in bytes; `source` to `at` come in this order. Each run begins with a `began`.
A line that was torn by a crash, or decayed, fails its checksum and is skipped: each of the others still says what it
says. So a file of nothing but the beginnings of a `began` is the journal of runs that crashed as they began.
"""

import json
import zlib
from itertools import pairwise
from json.encoder import encode_basestring_ascii  # what json.dumps makes of a str, at a third of the time
from typing import Any

from streammerge.errors import UsageError
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask

VERSION = 1
_CHECKSUM = 9  # characters: eight digits and a space
# How the body of a line begins
BEGAN, COPIED, FAILED = b'{"did":"began",', b'{"did":"copied",', b'{"did":"failed",'
OPENING, OPENED, CLOSED = b'{"did":"opening",', b'{"did":"opened",', b'{"did":"closed",'
quoted = encode_basestring_ascii
_AFTER = 6  # fields that come before `at`
_NAME = len(b'result":')
_SUM = b',"checksum":'
# Key, ETag, size and target of a copy, each with its name as it is written in a line; ETag and checksum of the copy
# where the ETag is another
Fields = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


def is_intact(line: bytes) -> bool:
    """Whether a line is whole and says what was written."""
    body = line[_CHECKSUM:-1]
    return line[-1:] == b"\n" and line[:_CHECKSUM] == b"%08x " % zlib.crc32(body)


def from_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None if it is torn or decayed, or none of ours."""
    try:
        record = json.loads(line[_CHECKSUM:]) if is_intact(line) else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def is_a(line: bytes, kind: bytes) -> bool:
    """Whether an intact line is of a kind: `BEGAN` or another of these."""
    return line.startswith(kind, _CHECKSUM)


def fields_in(line: bytes) -> Fields:
    """The fields of an intact `copied` or `failed`, without parsing it as JSON: that would take ten times as long."""
    pieces = line.split(b',"', _AFTER + 1)
    if len(pieces) > _AFTER and pieces[_AFTER].startswith(b'at":'):  # no value ends with a comma, as hardly one does
        rest = pieces[-1] if len(pieces) > _AFTER + 1 else b""
        result, _, checksum = rest[_NAME:-2].partition(_SUM) if rest.startswith(b'result":') else (b"", b"", b"")
        return pieces[2], pieces[3], pieces[4], pieces[5], result, checksum
    return _odd_fields(line)


def _odd_fields(line: bytes) -> Fields:
    """The same, whatever the values are: a quote within one is escaped, so what looks like a name is one."""
    borders = [0]
    for name in (b',"key":', b',"etag":', b',"size":', b',"target":', b',"at":'):
        borders.append(line.index(name, borders[-1]))
    key, etag, size, target = (line[start + 2 : end] for start, end in pairwise(borders[1:]))
    at = line.find(b',"result":', borders[-1])
    result, _, checksum = line[at + 2 + _NAME : -2].partition(_SUM) if at >= 0 else (b"", b"", b"")
    return key, etag, size, target, result, checksum


def size_in(fields: Fields) -> int:
    """The size among fields, as a number."""
    return int(fields[2].rpartition(b":")[2])


def code_in(line: bytes) -> bytes:
    """The code that a `failed` records, as `quoted` writes it."""
    code = line.rindex(b',"code":')
    return line[code + len(b',"code":') : line.index(b',"reason":', code)]


def may_have_begun(line: bytes) -> bool:
    """Whether a line that is not whole may be the beginning of a `began`: a crash as a journal was begun."""
    text = line.rstrip(b"\n")
    digits, body = text[: _CHECKSUM - 1], text[_CHECKSUM - 1 :]
    return (
        bool(text)
        and not is_intact(line)
        and all(digit in b"0123456789abcdef" for digit in digits)
        and (b" " + BEGAN).startswith(body[: len(BEGAN) + 1])
    )


def began(fingerprint: str, job: str, run: str, at: float, *, command: str = "", version: int = VERSION) -> bytes:
    """The line of the beginning of a run; `command` resumes the job, if one is known."""
    named = {"fingerprint": fingerprint, "job": job, "run": run}
    texts = ",".join(f'"{name}":{quoted(text)}' for name, text in named.items())
    said = f',"command":{quoted(command)}' if command else ""
    return _line(f'"did":"began","version":{version},{texts},"at":{at:.3f}{said}')


def copied(copy: CopyTask, source: str, made: Made, at: float) -> bytes:
    """The line of a copy that was made."""
    became = "" if made.etag == copy.object.etag else f',"result":{quoted(made.etag)}'
    if became and made.checksum:
        became += f"{_SUM.decode()}{quoted(made.checksum)}"
    return _line(f'"did":"copied","source":{quoted(source)},{_facts(copy)},"at":{at:.3f}{became}')


def failed(copy: CopyTask, source: str, code: str, reason: str, at: float) -> bytes:
    """The line of a copy that was given up."""
    why = f'"code":{quoted(code)},"reason":{quoted(reason)}'
    return _line(f'"did":"failed","source":{quoted(source)},{_facts(copy)},"at":{at:.3f},{why}')


def removed(target: str, at: float) -> bytes:
    """The line of an object at the destination that is about to be removed."""
    return _line(f'"did":"removed","target":{quoted(target)},"at":{at:.3f}')


def opening(target: str, at: float) -> bytes:
    """The line of a multipart upload that is about to be begun."""
    return _line(f'"did":"opening","target":{quoted(target)},"at":{at:.3f}')


def opened(target: str, upload: str, at: float) -> bytes:
    """The line of a multipart upload that was begun."""
    return _line(f'"did":"opened","target":{quoted(target)},"upload":{quoted(upload)},"at":{at:.3f}')


def closed(upload: str, at: float) -> bytes:
    """The line of a multipart upload that is over."""
    return _line(f'"did":"closed","upload":{quoted(upload)},"at":{at:.3f}')


def ended(
    *,
    complete: bool,
    at: float,
    conflicts: int = 0,
    left: int | None = None,
    present: int = 0,
    reason: str = "",
    refused: bool = False,
) -> bytes:
    """The line of the end of a run; `reason` is why it was stopped, if it was; `refused`: since the input is wrong.

    left: None where it is not known.
    """
    counts = {"conflicts": conflicts or None, "left": left, "present": present or None}
    more = "".join(f',"{name}":{count:d}' for name, count in counts.items() if count is not None)
    why = f',"reason":{quoted(reason)}' if reason else ""
    wrong = ',"refused":true' if refused else ""
    return _line(f'"did":"ended","complete":{"true" if complete else "false"},"at":{at:.3f}{more}{why}{wrong}')


def _line(fields: str) -> bytes:
    body = f"{{{fields}}}".encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def fields_of(copy: CopyTask) -> Fields:
    """What a line says of a copy."""
    key, size, etag, *_ = copy.object
    named = f'key":{quoted(key)}', f'etag":{quoted(etag)}', f'size":{size:d}', f'target":{quoted(copy.target)}'
    first, second, third, fourth = (text.encode() for text in named)
    return first, second, third, fourth, b"", b""


def _facts(copy: CopyTask) -> str:
    key, size, etag, *_ = copy.object
    return f'"key":{quoted(key)},"etag":{quoted(etag)},"size":{size:d},"target":{quoted(copy.target)}'


def check_version(record: dict[str, Any], place: str) -> None:
    """Raises UsageError unless a `began` is of this version."""
    if record.get("version") != VERSION:
        raise UsageError(
            f"{place} is a journal of version {record.get('version')}; this streammerge reads version {VERSION}"
        )
