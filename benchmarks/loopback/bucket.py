"""A bucket: data sets by rule below, what clients wrote on top, listed as one in UTF-8 byte order."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from loopback.datasets import Dataset
from loopback.wire import Record

_LOAD = 1000


class SortedKeys:
    """Keys in order, sorted only when somebody lists: blocks of keys, and a heap of newcomers."""

    def __init__(self) -> None:
        self._blocks: list[list[bytes]] = []
        self._lows: list[bytes] = []  # first key of each block
        self._new: list[bytes] = []
        self.add = self._new.append  # one call deep: it is on the path of every copy

    def _settle(self) -> None:
        if not self._new:
            return
        new = sorted(self._new)
        self._new.clear()
        if len(new) * 8 > len(self._blocks) * _LOAD:
            everything = sorted([key for block in self._blocks for key in block] + new)
            self._blocks = [everything[at : at + _LOAD] for at in range(0, len(everything), _LOAD)]
        else:
            for key in new:
                self._insert(key)
        self._lows = [block[0] for block in self._blocks]

    def _insert(self, key: bytes) -> None:
        nth = max(0, bisect_left(self._lows, key) - 1)
        block = self._blocks[nth]
        block.insert(bisect_left(block, key), key)
        self._lows[nth] = block[0]
        if len(block) > 2 * _LOAD:
            self._blocks[nth : nth + 1] = [block[:_LOAD], block[_LOAD:]]
            self._lows[nth : nth + 1] = [block[0], block[_LOAD]]

    def _at(self, key: bytes) -> tuple[int, int]:
        nth = max(0, bisect_left(self._lows, key) - 1)
        if nth < len(self._blocks) and self._blocks[nth][-1] < key:
            nth += 1
        return nth, bisect_left(self._blocks[nth], key) if nth < len(self._blocks) else 0

    def runs(self, start: bytes, stop: bytes | None = None) -> Iterator[list[bytes]]:
        """The keys in [start, stop), a block at a time."""
        self._settle()
        nth, at = self._at(start)
        for block in self._blocks[nth : nth + 1]:
            yield from _until(block[at:], stop)
        for place in range(nth + 1, len(self._blocks)):
            if stop is not None and self._lows[place] >= stop:
                return
            yield from _until(self._blocks[place], stop)

    def remove(self, key: bytes) -> None:
        self._settle()
        nth, at = self._at(key)
        del self._blocks[nth][at]
        if not self._blocks[nth]:
            del self._blocks[nth]
        self._lows = [block[0] for block in self._blocks]


def _until(run: list[bytes], stop: bytes | None) -> Iterator[list[bytes]]:
    if stop is not None and run and run[-1] >= stop:
        run = run[: bisect_left(run, stop)]
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive keys of a listing: a stretch of a data set, or keys one by one."""

    keys: list[bytes]
    dataset: Dataset | None = None
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing: rendered, counted, and where the next one goes on."""

    body: bytes
    count: int
    last: bytes = b""  # the key or common prefix it ends with
    next: bytes | None = None  # the least key of the next page, if there is one


class Bucket:
    def __init__(self) -> None:
        self.datasets: list[Dataset] = []
        self._written: dict[bytes, Record] = {}
        self._order = SortedKeys()
        self._near: dict[bytes, int] = {}  # where each data set was sought last

    def add(self, dataset: Dataset) -> None:
        for other in self.datasets:
            if other.prefix.startswith(dataset.prefix) or dataset.prefix.startswith(other.prefix):
                raise ValueError(f"data sets {other.prefix!r} and {dataset.prefix!r} overlap")
        self.datasets = sorted([*self.datasets, dataset], key=lambda each: each.prefix)

    def get(self, key: bytes) -> Record | None:
        found = self._written.get(key)
        if found is None:
            for dataset in self.datasets:
                if key.startswith(dataset.prefix):
                    return dataset.get(key)
        return found

    def put(self, key: bytes, record: Record) -> None:
        if key not in self._written:
            self._order.add(key)
        self._written[key] = record

    def delete(self, key: bytes) -> None:
        if self._written.pop(key, None) is not None:
            self._order.remove(key)
        for dataset in self.datasets:
            if key.startswith(dataset.prefix) and dataset.get(key):
                dataset.deleted.add(key)

    def forget(self) -> None:
        """Back to the data sets alone, as when the server started."""
        self._written = {}
        self._order = SortedKeys()
        for dataset in self.datasets:
            dataset.deleted.clear()

    def _runs(self, start: bytes, stop: bytes | None) -> Iterator[Run]:
        for dataset in self.datasets:
            low = dataset.find(start)
            high = dataset.length if stop is None else dataset.find(stop)
            if low >= high:
                continue
            first, end = dataset.key(low), dataset.key(high - 1) + b"\0"
            for keys in self._order.runs(start, first):
                yield Run(keys)
            if dataset.deleted or any(self._order.runs(first, end)):
                yield from self._woven(dataset, low, high)
            else:
                yield Run([], dataset, low, high)
            start = end
        for keys in self._order.runs(start, stop):
            yield Run(keys)

    def _woven(self, dataset: Dataset, low: int, high: int) -> Iterator[Run]:
        written = (key for run in self._order.runs(dataset.key(low), dataset.key(high - 1) + b"\0") for key in run)
        before = None
        for key in merge(map(dataset.key, range(low, high)), written):
            if key != before and (key in self._written or key not in dataset.deleted):
                yield Run([key])
            before = key

    def page(self, prefix: bytes, start: bytes, limit: int, *, encoded: bool) -> Page:
        """Up to `limit` keys below `prefix`, from `start` on."""
        parts: list[bytes] = []
        last, need = b"", limit
        for run in self._runs(max(prefix, start), after(prefix)):
            if not need:
                return Page(b"".join(parts), limit, last, last + b"\0")
            length = len(run.keys) or run.stop - run.start
            take = min(need, length)
            if run.dataset:
                parts.append(run.dataset.render(run.start, run.start + take))
                last = run.dataset.key(run.start + take - 1)
            else:
                parts += [self._contents(key, encoded=encoded) for key in run.keys[:take]]
                last = run.keys[take - 1]
            need -= take
            if take < length:
                return Page(b"".join(parts), limit, last, last + b"\0")
        return Page(b"".join(parts), limit - need)

    def grouped(self, prefix: bytes, delimiter: bytes, start: bytes, limit: int, *, encoded: bool) -> Page:
        """The same, with the keys that share a stretch up to `delimiter` as one common prefix."""
        parts: list[bytes] = []
        last = b""
        key = self._seek(max(prefix, start))
        while key is not None and key.startswith(prefix):
            if len(parts) == limit:
                return Page(b"".join(parts), limit, last, key)
            at = key.find(delimiter, len(prefix))
            if at < 0:
                last = key
                parts.append(self._contents(key, encoded=encoded))
                key = self._seek(key + b"\0")
            else:
                last = key[: at + len(delimiter)]
                parts.append(b"<CommonPrefixes><Prefix>%b</Prefix></CommonPrefixes>" % spell(last, encoded=encoded))
                beyond = after(last)
                key = None if beyond is None else self._seek(beyond)
        return Page(b"".join(parts), len(parts))

    def _seek(self, start: bytes) -> bytes | None:
        """The first key at or past `start`."""
        best = next((keys[0] for keys in self._order.runs(start)), None)
        for dataset in self.datasets:
            if start > dataset.last:
                continue
            position = self._near[dataset.prefix] = dataset.find(start, self._near.get(dataset.prefix, 0))
            while position < dataset.length and dataset.key(position) in dataset.deleted:
                position += 1
            if position < dataset.length:
                return dataset.key(position) if best is None else min(best, dataset.key(position))
        return best

    def _contents(self, key: bytes, *, encoded: bool) -> bytes:
        record = self.get(key)
        assert record is not None
        return b"<Contents><Key>%b%b" % (spell(key, encoded=encoded), record.entry)


def after(prefix: bytes) -> bytes | None:
    """The least string past everything that starts with `prefix`; None if there is none. (UTF-8 has no byte 255.)"""
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else None


def spell(key: bytes, *, encoded: bool) -> bytes:
    """A key as an answer spells it."""
    return quote_plus(key, safe="/").encode() if encoded else escape(key.decode()).encode()
