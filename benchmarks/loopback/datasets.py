"""Data sets declared by rule: millions of keys that are computed when asked for, never stored.

Strategy: each shape turns a number into a key such that byte order of keys is order of numbers. So position to key is
arithmetic, key to position is reading the digits back (checked by writing the key again), and the first key at or past
any string is a bisection over positions. Bodies come in 4,096 variants a data set, so that ETags are true MD5s of what
GET sends, and cost nothing to look up.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from loopback.wire import Record

SHAPES = ("folder", "flat", "hex", "skewed", "longprefix", "giant")
VARIANTS = 4096
_ALL_VARIANTS = 64 << 20  # bytes of all of them: their MD5s take time to compute
MODIFIED = 1_735_689_600.0  # 2025-01-01: every generated object is of this moment
_LONG = b"subject-seen-by-the-door-camera-of-the-north-building-in-2024-"
_LONGER = (_LONG * 4)[:200]
_GIANT = 3 / 7  # of all other images: so the one in the middle of the giant shape has 30 % of all
_GROUPS = (b"a.0", b"d.0", b"m.0", b"m.1", b"z.0")  # of the skewed shape: nine in ten identities start with m.0
_SHARES = (0.01, 0.04, 0.94, 0.99, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the command line says of a data set."""

    identities: int
    images: int = 1  # of every identity; in the skewed shape the scale of a long-tailed count
    shape: str = "folder"
    first: int = 0  # number of the first identity: lets data sets share some identities and not others
    universe: int = 0  # identities there are in all, over which hex and skewed spread (0: first + identities)
    size: int = 8192  # bytes of an image
    stem: str = ""  # of image names, so that names of two data sets differ
    ext: str = "jpg"
    salt: int = 0  # data sets of one salt hold equal bytes under equal names


def parse(text: str) -> tuple[str, str, Rules]:
    """`bucket/prefix/:identities=300000:images=3:shape=hex` as bucket, prefix and rules."""
    place, *settings = text.split(":")
    bucket, _, prefix = place.partition("/")
    values: dict[str, str] = dict(setting.split("=", 1) for setting in settings)
    kinds: dict[str, type] = {name: kind for name, kind in Rules.__annotations__.items() if isinstance(kind, type)}
    rules = Rules(**{name: kinds[name](value) for name, value in values.items()})
    if rules.shape not in SHAPES or (rules.shape == "flat" and rules.images != 1) or rules.size < 4:
        raise ValueError(f"{text}: shape is one of {', '.join(SHAPES)}; flat has one image each; size is 4 or more")
    return bucket, prefix, rules


def _mix(number: int) -> int:
    """64 well-spread bits for a number (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return number ^ (number >> 31)


def _long_tail(scale: int, number: int) -> int:
    """How many images an identity has where most have few and a few have hundreds."""
    return max(1, min(100 * scale, int(scale * 2**64 / (6 * (_mix(number) + 1)))))


def _pattern(seed: int, size: int) -> bytes:
    return ((b"%08x" % seed) * (size // 8 + 1))[:size] if size >= 8 else (b"%04x" % seed).ljust(size, b".")


class Names:
    """Names of identities: byte order is numerical order, and all are of one length."""

    def __init__(self, rules: Rules) -> None:
        self._universe = rules.universe or rules.first + rules.identities
        self._step = 2**64 // self._universe
        self._borders = [int(share * self._universe) for share in _SHARES]
        forms: dict[str, tuple[Callable[[int], bytes], Callable[[bytes], int]]] = {
            "hex": (self._hex, lambda name: int(name, 16) // self._step),
            "skewed": (self._skewed, lambda name: int(name[3:])),
            "longprefix": (lambda number: b"%b%07d" % (_LONG, number), lambda name: int(name[-7:])),
            "giant": (lambda number: b"%b%07d" % (_LONGER, number), lambda name: int(name[-7:])),
            "flat": (lambda number: b"id%07d" % number, lambda name: int(name[2:])),
            "folder": (lambda number: b"id%07d" % number, lambda name: int(name[2:])),
        }
        self.name, self.number = forms[rules.shape]
        self.length = len(self.name(rules.first))

    def _hex(self, number: int) -> bytes:
        return b"%016x" % (number * self._step + _mix(number) % self._step)

    def _skewed(self, number: int) -> bytes:
        return b"%b%07d" % (_GROUPS[bisect_left(self._borders, number + 1)], number)


class Dataset:
    """A data set below one prefix, as a sorted sequence of keys that nobody stored."""

    def __init__(self, prefix: bytes, rules: Rules, pages: "PageCache") -> None:
        self.prefix = prefix
        self.deleted: set[bytes] = set()
        self._rules = rules
        self._pages = pages
        self._names = Names(rules)
        self._counts = self._offsets = array("Q")
        most = rules.images
        if rules.shape in ("skewed", "giant"):
            numbers = range(rules.first, rules.first + rules.identities)
            count = _long_tail if rules.shape == "skewed" else lambda scale, _: scale
            self._counts = array("Q", (count(rules.images, number) for number in numbers))
            if rules.shape == "giant":
                self._counts[rules.identities // 2] = int(_GIANT * rules.images * rules.identities)
            self._offsets = array("Q", accumulate(self._counts, initial=0))
            most = max(self._counts)
        self._width = max(2, len(str(most - 1)))
        ext = rules.ext.encode()
        form = b"/%b%%0%dd.%b" % (rules.stem.encode(), self._width, ext)
        self._endings = [b"_face." + ext] if rules.shape == "flat" else [form % image for image in range(most)]
        self._digits = slice(
            len(prefix) + self._names.length + 1 + len(rules.stem),
            len(prefix) + self._names.length + 1 + len(rules.stem) + self._width,
        )
        self._records = [
            Record.of(partial(_pattern, seed, rules.size), modified=MODIFIED, content_type=b"image/jpeg")
            for seed in range(max(64, min(VARIANTS, _ALL_VARIANTS // max(1, rules.size))))
        ]
        self._entries = [record.entry for record in self._records]
        self.length = self._offsets[-1] if self._offsets else rules.identities * rules.images
        self.last = self.key(self.length - 1)

    def _place(self, position: int) -> tuple[int, int]:
        """Number of the identity and of the image at a position."""
        if self._offsets:
            identity = bisect_left(self._offsets, position + 1) - 1
            return self._rules.first + identity, position - self._offsets[identity]
        identity, image = divmod(position, self._rules.images)
        return self._rules.first + identity, image

    def _key(self, identity: int, image: int) -> bytes:
        return self.prefix + self._names.name(identity) + self._endings[image]

    def _variant(self, identity: int, image: int) -> int:
        return (identity * 31 + image + self._rules.salt * 7919) % len(self._records)

    def _images(self, identity: int) -> int:
        return self._counts[identity - self._rules.first] if self._counts else self._rules.images

    def key(self, position: int) -> bytes:
        return self._key(*self._place(position))

    def record(self, position: int) -> Record:
        return self._records[self._variant(*self._place(position))]

    def get(self, key: bytes) -> Record | None:
        """The object under a key that starts with the prefix, if the data set has one."""
        start = len(self.prefix)
        try:
            identity = self._names.number(key[start : start + self._names.length])
            image = 0 if self._rules.shape == "flat" else int(key[self._digits])
        except ValueError:
            return None
        if not 0 <= identity - self._rules.first < self._rules.identities or not 0 <= image < self._images(identity):
            return None
        if key in self.deleted or self._key(identity, image) != key:
            return None
        return self._records[self._variant(identity, image)]

    def find(self, key: bytes, near: int = 0) -> int:
        """Position of the first key at or past `key`; quick where that is just behind `near`."""
        if key <= self.prefix:
            return 0
        if key > self.last:
            return self.length
        if near + 8 < self.length and self.key(near + 8) >= key > self.key(near):
            return bisect_left(range(self.length), key, near, near + 8, key=self.key)
        return bisect_left(range(self.length), key, key=self.key)

    def render(self, start: int, stop: int) -> bytes:
        """The <Contents> of a run of positions, from the cache if it was asked for before."""
        cached = self._pages.get((self.prefix, start, stop))
        if cached is None:
            cached = b"".join(self._rendered(start, stop))
            self._pages.put((self.prefix, start, stop), cached)
        return cached

    def _rendered(self, start: int, stop: int) -> Iterator[bytes]:
        identity, image = self._place(start)
        entries, endings = self._entries, self._endings
        left = stop - start
        while left:
            images = range(image, min(image + left, self._images(identity)))
            head = b"<Contents><Key>" + self.prefix + self._names.name(identity)
            variant = self._variant(identity, 0)
            for image in images:
                yield head + endings[image] + entries[(variant + image) % len(entries)]
            left -= len(images)
            identity, image = identity + 1, 0


class PageCache:
    """Rendered pages, the least recently used forgotten first: paired runs list the same pages again."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._pages: OrderedDict[tuple[bytes, int, int], bytes] = OrderedDict()

    def get(self, page: tuple[bytes, int, int]) -> bytes | None:
        found = self._pages.get(page)
        if found is not None:
            self._pages.move_to_end(page)
        return found

    def put(self, page: tuple[bytes, int, int], rendered: bytes) -> None:
        self._pages[page] = rendered
        self._budget -= len(rendered)
        while self._budget < 0:
            self._budget += len(self._pages.popitem(last=False)[1])
