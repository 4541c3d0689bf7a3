"""The spelling of identities: a key that is equal for names that differ only in how they are spelt.

Names are compared byte by byte wherever it decides something, and this only tells which of them to warn of.
"""

import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

_BLANKS = " \t\n\r\v\f\x1c\x1d\x1e\x1f"
_SEPARATORS = "_."  # those of ASCII that are written for a "-"
_ASCII = bytes.maketrans(
    (string.ascii_uppercase + _SEPARATORS + _BLANKS + "`").encode(),
    (string.ascii_lowercase + "-" * len(_SEPARATORS) + " " * len(_BLANKS) + "'").encode(),
)
_LOOK_ALIKE = dict.fromkeys((0xB7, 0x2022, 0x2212, 0x30FB), "-")  # dots in the middle, and the minus sign
_LOOK_ALIKE |= dict.fromkeys((0x2BC, 0x2018, 0x2019), "'")  # apostrophes
_DASHES = ("Pc", "Pd")  # categories of Unicode: what connects words, and what stands between them


def spelling_key(name: str) -> bytes:
    """Equal for names that differ only in case, Unicode normalization, blanks, separators and invisible characters.

    Blanks at the ends do not count, several are one, and one is as good as a `_`, `-` or `.`. Several of these are not
    one, since labels such as Freebase's (`m.0_1`, `m.0__1`) tell people apart by them.
    """
    is_ascii = name.isascii()
    if is_ascii and name.isdecimal():  # as most labels are
        return name.encode()
    key = (name if is_ascii else _simplified(name)).encode().translate(_ASCII)
    return b"-".join(key.split()) if b" " in key else key


def is_plain(name: str) -> bool:
    """Whether a name is spelt as one would type it: composed, without blanks at its ends or anything invisible."""
    return name == unicodedata.normalize("NFC", name).strip() and name.isprintable()


def told_apart(names: Sequence[str]) -> list[str]:
    """Names as text that shows their differences: in quotes, and escaped where two of them would look the same."""
    looks = Counter(unicodedata.normalize("NFC", name) for name in names)
    return [repr(name) if looks[unicodedata.normalize("NFC", name)] == 1 else ascii(name) for name in names]


def _simplified(name: str) -> str:
    """A name caselessly, as identifiers are matched: https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/.

    D147 has the forms. Characters that stand for another follow.
    """
    text = "".join(each for each in name if unicodedata.category(each) != "Cf")
    text = unicodedata.normalize("NFD", text)
    for _ in range(2):
        text = unicodedata.normalize("NFKC", text.casefold())
    text = text.translate(_LOOK_ALIKE)
    return "".join("-" if unicodedata.category(each) in _DASHES else " " if each.isspace() else each for each in text)
