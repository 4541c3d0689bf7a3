"""The journal's format: what is recorded, a line a record, and what can be concluded from it later.

Format, version 1. A journal is a sequence of lines, each the CRC-32 of the rest in eight hex digits, a space, and one
JSON object; lines end with a newline. `did` says what a line is:

    began    version, fingerprint (of the job), job (in words), run (a random name for the run), at; command (a line
             of shell that goes on with the job), only where it is known
    copied   source, key, etag, size, target, at; result: the target's ETag, only where it is not `etag`
    failed   source, key, etag, size, target, at; code, reason (with S3's request id)
    removed  target, at: recorded before it is removed
    ended    complete (bool), at; each only where there is something to say: conflicts (images that were left for the
             user to decide), left (images and removals that another run would try), present (images that were there
             before this run), reason (why the run was stopped before its end)

`at` is in seconds since 1970, sizes are in bytes; `source` to `at` come in this order. Each run begins with a `began`.
A line that was torn by a crash, or decayed, fails its checksum and is skipped: each of the others still says what it
says. So a file of nothing but the beginnings of a `began` is the journal of runs that crashed as they began.

Strategy: a History answers one question about the past: whether this very source object was copied to this target, and
if so, whether it became that ETag. Each copy is kept as an 8-byte digest, with a second one if its ETag became another
one, so that a million take 16 MB at most. A digest is made of the line as it stands, from `key` to `target`: parsing
the JSON would take ten times as long.
"""

import hashlib
import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as quoted  # what json.dumps makes of a str, at a third of the time
from typing import Any

from streammerge.core.plan import Copy
from streammerge.errors import UsageError

VERSION = 1
_CHECKSUM = 9  # characters: eight digits and a space
_BEGAN, _COPIED = b'{"did":"began",', b'{"did":"copied",'
_KEY, _AT, _RESULT = b'"key":', b',"at":', b',"result":'  # a quote within a value is escaped, so these are names


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


def may_have_begun(line: bytes) -> bool:
    """Whether a line that is not whole may be the beginning of a `began`: a crash as a journal was begun."""
    text = line.rstrip(b"\n")
    digits, body = text[: _CHECKSUM - 1], text[_CHECKSUM - 1 :]
    return (
        bool(text)
        and not is_intact(line)
        and all(digit in b"0123456789abcdef" for digit in digits)
        and (b" " + _BEGAN).startswith(body[: len(_BEGAN) + 1])
    )


def began(fingerprint: str, job: str, run: str, at: float, *, command: str = "", version: int = VERSION) -> bytes:
    """The line of the beginning of a run; `command` goes on with it, if one is known."""
    named = {"fingerprint": fingerprint, "job": job, "run": run}
    texts = ",".join(f'"{name}":{quoted(text)}' for name, text in named.items())
    said = f',"command":{quoted(command)}' if command else ""
    return _line(f'"did":"began","version":{version},{texts},"at":{at:.3f}{said}')


def copied(copy: Copy, source: str, result: str, at: float) -> bytes:
    """The line of a copy that was made; `result` is the target's ETag."""
    became = "" if result == copy.etag else f',"result":{quoted(result)}'
    return _line(f'"did":"copied","source":{quoted(source)},{_facts(copy)},"at":{at:.3f}{became}')


def failed(copy: Copy, source: str, code: str, reason: str, at: float) -> bytes:
    """The line of a copy that was given up."""
    why = f'"code":{quoted(code)},"reason":{quoted(reason)}'
    return _line(f'"did":"failed","source":{quoted(source)},{_facts(copy)},"at":{at:.3f},{why}')


def removed(target: str, at: float) -> bytes:
    """The line of an object at the destination that is about to be removed."""
    return _line(f'"did":"removed","target":{quoted(target)},"at":{at:.3f}')


def ended(*, complete: bool, at: float, conflicts: int = 0, left: int = 0, present: int = 0, reason: str = "") -> bytes:
    """The line of the end of a run; `reason` is why it was stopped, if it was."""
    counts = {"conflicts": conflicts, "left": left, "present": present}
    more = "".join(f',"{name}":{count:d}' for name, count in counts.items() if count)
    why = f',"reason":{quoted(reason)}' if reason else ""
    return _line(f'"did":"ended","complete":{"true" if complete else "false"},"at":{at:.3f}{more}{why}')


def _line(fields: str) -> bytes:
    body = f"{{{fields}}}".encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _facts(copy: Copy) -> str:
    return f'"key":{quoted(copy.key)},"etag":{quoted(copy.etag)},"size":{copy.size:d},"target":{quoted(copy.target)}'


class History:
    """What the copies of earlier runs became."""

    def __init__(self) -> None:
        self._made = array("Q")  # digests of source object and target, in order once sealed
        self._became = array("Q")  # the same with the ETag that the target got, where it is another than the source's
        self.damaged = 0  # lines that could not be read
        self._began = self._intact = False
        self._beginnings = True  # all that is damaged may be the beginning of a `began`

    def learn(self, lines: Iterable[bytes], fingerprint: str, place: str) -> None:
        """Take in lines of a journal; `seal` when it has come to its end.

        Raises UsageError if it is of another version, or of another job.
        """
        for line in lines:
            if not is_intact(line):
                self.damaged += 1
                self._beginnings = self._beginnings and may_have_begun(line)
                continue
            self._intact = True
            if line.startswith(_COPIED, _CHECKSUM):
                self._remember(line)
            elif line.startswith(_BEGAN, _CHECKSUM):
                check_began(from_line(line) or {}, fingerprint, place)
                self._began = True

    def seal(self, place: str) -> None:
        """Be ready to answer. Raises UsageError if what was taken in is no journal."""
        if not self._began and (self._intact or not self._beginnings):
            raise UsageError(f"{place} is not a journal of streammerge: name another place with --journal")
        for digests in (self._made, self._became):
            digests[:] = array("Q", sorted(digests))

    def _remember(self, line: bytes) -> None:
        facts = line[line.index(_KEY) : line.index(_AT)]
        self._made.append(_digest(facts))
        if _RESULT in line:
            self._became.append(_digest(facts + json.loads(line[_CHECKSUM:])["result"].encode()))

    def judges(self, copy: Copy, etag: str) -> bool | None:
        """Whether a target with this ETag is the copy that was recorded; None if there is no record of one."""
        if not self._made:
            return None
        facts = _facts(copy).encode()
        if not _holds(self._made, _digest(facts)):
            return None
        return etag == copy.etag or _holds(self._became, _digest(facts + etag.encode()))


def check_began(record: dict[str, Any], fingerprint: str, place: str) -> None:
    """Raises UsageError unless a run began of this job, in this version."""
    check_version(record, place)
    if record.get("fingerprint") != fingerprint:
        raise UsageError(
            f"{place} is the journal of another job ({record.get('job')}): sources, layouts, destination or rules are "
            "not the same. Name another place with --journal"
        )


def check_version(record: dict[str, Any], place: str) -> None:
    """Raises UsageError unless a `began` is of this version."""
    if record.get("version") != VERSION:
        raise UsageError(
            f"{place} is a journal of version {record.get('version')}, and this streammerge reads version {VERSION}"
        )


def _digest(facts: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(facts, digest_size=8).digest())


def _holds(digests: "array[int]", digest: int) -> bool:
    position = bisect_left(digests, digest)
    return position < len(digests) and digests[position] == digest
