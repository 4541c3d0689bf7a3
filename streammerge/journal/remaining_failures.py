"""Which copies have failed and were not made since, of a journal that may record millions of failures.

Strategy: of each failure its code, as a number, and the place of its line are kept; the newest lines of each code are
read again at the end.
"""

import heapq
import json
from collections import Counter
from typing import Any, BinaryIO

from streammerge.journal.format import Fields, code_in, fields_in, from_line
from streammerge.journal.newest import Newest, digest

_EXAMPLES = 20  # of each code
_CODES = 50  # that are told apart; a server may make up any number
_OTHER = b'"other"'
_PLACE, _CODE = 7, 1  # bytes of a value: where the line is, and its code; 0 for a copy that was made
_MADE = bytes(_PLACE + _CODE)


class RemainingFailures:
    """Shown every copy and every failure in the order of the journal, it tells at the end what still fails."""

    def __init__(self) -> None:
        self._newest = Newest(_PLACE + _CODE)
        self._codes: dict[bytes, int] = {}
        self._any = False

    def made(self, fields: Fields) -> None:
        """A copy was made."""
        if self._any:
            self._newest.add(digest(fields[3]), _MADE)

    def failed(self, line: bytes, at: int) -> None:
        """A copy was given up, as a line says that begins at a byte of the journal."""
        self._any = True
        said = code_in(line)
        code = said if said in self._codes or len(self._codes) < _CODES else _OTHER
        number = self._codes.setdefault(code, len(self._codes) + 1)
        self._newest.add(digest(fields_in(line)[3]), at.to_bytes(_PLACE) + number.to_bytes(_CODE))

    def left(self, file: BinaryIO) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """How many copies still fail, by code, the commonest first; and records of the newest, newest first.

        file: the journal, to read lines of it again.
        """
        self._newest.seal()
        counts, places = Counter[int](), dict[int, list[int]]()
        for value in self._newest:
            if value != _MADE:
                place, number = int.from_bytes(value[:_PLACE]), value[_PLACE]
                counts[number] += 1
                kept = places.setdefault(number, [])
                (heapq.heappush if len(kept) < _EXAMPLES else heapq.heappushpop)(kept, place)
        names: dict[int, str] = {number: json.loads(code) for code, number in self._codes.items()}
        by_code = {names[number]: count for number, count in counts.most_common()}
        records = []
        for place in sorted((place for kept in places.values() for place in kept), reverse=True):
            file.seek(place)
            if record := from_line(file.readline()):
                records.append(record)
        return by_code, records
