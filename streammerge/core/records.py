"""The journal's format: what is recorded, a line a record, and what can be concluded from it later.

Format, version 1. A journal is a sequence of lines, each the CRC-32 of the rest in eight hex digits, a space, and one
JSON object; lines end with a newline. `did` says what a line is:

    began    version, fingerprint (of the job), job (in words), run (a random name for the run), at
    copied   source, key, etag, size, target, at; result: the target's ETag, only where it is not `etag`
    failed   source, key, etag, size, target, at; code, reason (with S3's request id)
    removed  target, at: recorded before it is removed
    ended    complete (bool), at

`at` is in seconds since 1970, sizes are in bytes. The first readable line is a `began`, and each run adds one. A line
that was torn by a crash, or decayed, fails its checksum and is skipped: each of the others still says what it says.

Strategy: a History answers one question about the past, whether this very source object was copied to this target and
became that ETag. Equal MD5s prove that without a journal, so only copies whose ETag became another one are looked up;
each is kept as two 8-byte digests, so that a million take 16 MB.
"""

import hashlib
import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from streammerge.core.plan import Copy
from streammerge.errors import UsageError

VERSION = 1
_CHECKSUM = 9  # characters: eight digits and a space
_RESULT = b'"result":'


def to_line(record: dict[str, Any]) -> bytes:
    """A record as a line."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def is_intact(line: bytes) -> bool:
    """Whether a line is whole and says what was written."""
    body = line[_CHECKSUM:-1]
    return line[-1:] == b"\n" and line[:_CHECKSUM] == b"%08x " % zlib.crc32(body)


def from_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None if it is torn or decayed."""
    if not is_intact(line):
        return None
    record: dict[str, Any] = json.loads(line[_CHECKSUM:])
    return record


def began(fingerprint: str, job: str, run: str, at: float) -> dict[str, Any]:
    """The record of the beginning of a run."""
    return {"did": "began", "version": VERSION, "fingerprint": fingerprint, "job": job, "run": run, "at": at}


def copied(copy: Copy, source: str, result: str, at: float) -> dict[str, Any]:
    """The record of a copy that was made; `result` is the target's ETag."""
    record = _of_copy("copied", copy, source, at)
    return record if result == copy.etag else {**record, "result": result}


def failed(copy: Copy, source: str, code: str, reason: str, at: float) -> dict[str, Any]:
    """The record of a copy that was given up."""
    return {**_of_copy("failed", copy, source, at), "code": code, "reason": reason}


def _of_copy(did: str, copy: Copy, source: str, at: float) -> dict[str, Any]:
    return {
        "did": did,
        "source": source,
        "key": copy.key,
        "etag": copy.etag,
        "size": copy.size,
        "target": copy.target,
        "at": round(at, 3),
    }


class History:
    """What the copies of earlier runs became, as far as ETags alone do not tell."""

    def __init__(self) -> None:
        self._made = array("Q")  # digests of source object and target, in order once sealed
        self._became = array("Q")  # the same with the ETag that the target got
        self.damaged = 0  # lines that could not be read

    def learn(self, lines: Iterable[bytes], fingerprint: str, place: str) -> None:
        """Take in the lines of a journal.

        Raises UsageError if it is none, of another version, or of another job.
        """
        known = False
        for line in lines:
            if not is_intact(line):
                self.damaged += 1
            elif not known:
                _check_began(from_line(line), fingerprint, place)
                known = True
            elif _RESULT in line:
                self._remember(json.loads(line[_CHECKSUM:]))
        if self.damaged and not known:
            raise UsageError(f"{place} is not a journal of streammerge: name another place with --journal")
        for digests in (self._made, self._became):
            digests[:] = array("Q", sorted(digests))

    def _remember(self, record: dict[str, Any]) -> None:
        if record["did"] == "copied":
            facts = record["key"], record["etag"], record["size"], record["target"]
            self._made.append(_digest(*facts))
            self._became.append(_digest(*facts, record["result"]))

    def judges(self, copy: Copy, etag: str) -> bool | None:
        """Whether a target with this ETag is the copy that was recorded; None if there is no record of it."""
        facts = copy.key, copy.etag, copy.size, copy.target
        if not self._made or not _holds(self._made, _digest(*facts)):
            return None
        return _holds(self._became, _digest(*facts, etag))


def _check_began(record: dict[str, Any] | None, fingerprint: str, place: str) -> None:
    if record is None or record.get("did") != "began":
        raise UsageError(f"{place} is not a journal of streammerge: name another place with --journal")
    if record["version"] != VERSION:
        raise UsageError(
            f"{place} is a journal of version {record['version']}, and this streammerge reads version {VERSION}"
        )
    if record["fingerprint"] != fingerprint:
        raise UsageError(
            f"{place} is the journal of another job ({record['job']}): sources, layouts, destination or rules are not "
            "the same. Name another place with --journal"
        )


def _digest(*facts: object) -> int:
    return int.from_bytes(hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).digest())


def _holds(digests: "array[int]", digest: int) -> bool:
    position = bisect_left(digests, digest)
    return position < len(digests) and digests[position] == digest
