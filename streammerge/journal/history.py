"""What a journal says about earlier runs of its job.

Strategy: a History answers two questions: whether what lies at a target is the copy that was made there last, and of
this very source object; and whether a copy has failed. For each target the newest record of a copy is kept, as digests
of the target, of the object, and of the ETag that the copy got; so a million copies take 24 MB, 16 MB more where their
checksums were recorded, and failures 8 MB. The digests are made of lines as they stand.
"""

import re
from collections.abc import Iterable
from typing import Any

from streammerge.dataset.checksums import Checksums
from streammerge.errors import UsageError
from streammerge.journal.format import (
    BEGAN,
    CLOSED,
    COPIED,
    FAILED,
    OPENED,
    OPENING,
    check_version,
    fields_in,
    fields_of,
    from_line,
    is_a,
    is_intact,
    may_have_begun,
    quoted,
)
from streammerge.journal.newest import Newest, digest
from streammerge.planning.plan import CopyTask

_PLAIN_MD5 = re.compile(rb'etag":"[0-9a-f]{32}"')
_UNCHANGED = bytes(8)  # in place of the digest of an ETag: it is that of the object


class History:
    """What the copies of earlier runs became.

    uploads: the target of each multipart upload that may still be open. openings: the targets of those of which only
    is known when they were about to be begun.
    """

    def __init__(self) -> None:
        self.damaged = 0  # lines that could not be read
        self.uploads: dict[str, str] = {}
        self.openings: dict[str, list[float]] = {}
        self._copied = Newest(16)
        self._checksums = Newest(8)  # by the record that has one
        self._failed = Newest()
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
            if is_a(line, COPIED):
                key, etag, size, target, result, checksum = fields_in(line)
                made_of, there = digest(_content(key, etag, size)), digest(target)
                record = made_of + (digest(result) if result else _UNCHANGED)
                self._copied.add(there, record)
                if checksum:
                    self._checksums.add(digest(there + record), digest(checksum))
            elif is_a(line, FAILED):
                self._failed.add(digest(fields_in(line)[3]))
            elif is_a(line, BEGAN):
                _check_began(from_line(line) or {}, fingerprint, place)
                self._began = True
            elif any(is_a(line, kind) for kind in (OPENING, OPENED, CLOSED)):
                self._note_upload(from_line(line) or {})

    def _note_upload(self, record: dict[str, Any]) -> None:
        if record["did"] == "opening":
            self.openings.setdefault(record["target"], []).append(record["at"])
        elif record["did"] == "opened":
            self.uploads[record["upload"]] = record["target"]
            self.openings.pop(record["target"], None)
        else:
            self.uploads.pop(record["upload"], None)

    def seal(self, place: str) -> None:
        """Be ready to answer. Raises UsageError if what was taken in is no journal."""
        if not self._began and (self._intact or not self._beginnings):
            raise UsageError(f"{place} is not a streammerge journal: choose another one with --journal")
        self._copied.seal()
        self._checksums.seal()
        self._failed.seal()

    def knows(self, target: str) -> bool:
        """Whether there is a record of a copy to a target."""
        return self._copied.get(_of_target(target)) is not None

    def judges(self, copy: CopyTask, etag: str) -> bool | None:
        """Whether a target with this ETag is the planned copy, by its newest record; None if there is none.

        It is not where something else has taken its place, nor where it is a copy of another object than the planned
        one, or of another version of it: that of an equal MD5 and size is the same content.
        """
        if not self._copied:
            return None
        key, of_etag, size, target, *_ = fields_of(copy)
        recorded = self._copied.get(digest(target))
        if recorded is None:
            return None
        made_of, result = recorded[:8], recorded[8:]
        if made_of != digest(_content(key, of_etag, size)):
            return False
        return etag == copy.object.etag or result == digest(quoted(etag).encode())

    def proves(self, copy: CopyTask, checksums: Checksums) -> bool:
        """Whether a target with these checksums has the bytes of the planned copy, by its newest record.

        False where it has not, and where no checksum was recorded. It proves a copy that got another ETag since.
        """
        if not self._checksums:
            return False
        key, of_etag, size, target, *_ = fields_of(copy)
        there = digest(target)
        record = self._copied.get(there)
        if record is None or record[:8] != digest(_content(key, of_etag, size)):
            return False
        recorded = self._checksums.get(digest(there + record))
        found = (digest(quoted(f"{algorithm} {value}").encode()) for algorithm, value in checksums.full.items())
        return recorded is not None and recorded in found

    def has_failed(self, copy: CopyTask) -> bool:
        """Whether an earlier run has given up a copy to this target, as far as is known."""
        return bool(self._failed) and self._failed.get(_of_target(copy.target)) is not None


def _of_target(target: str) -> bytes:
    return digest(f'target":{quoted(target)}'.encode())


def _content(key: bytes, etag: bytes, size: bytes) -> bytes:
    """What tells one content from another: an MD5 and a size do so without the key."""
    return etag + size if _PLAIN_MD5.fullmatch(etag) else key + etag + size


def _check_began(record: dict[str, Any], fingerprint: str, place: str) -> None:
    """Raises UsageError unless a run began of this job, in this version."""
    check_version(record, place)
    if record.get("fingerprint") != fingerprint:
        raise UsageError(
            f"{place} is the journal of another job ({record.get('job')}): its sources, layouts, destination "
            "or rules differ. Choose another journal with --journal"
        )
