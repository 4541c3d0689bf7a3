"""Failures: how many objects failed for each code, and the first few of each."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

from streammerge.dataset.counters import EXAMPLES, keep

_CODES = 50  # that are told apart; a server may make up any number
_OTHER = "other"


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """An object that was not copied, and why. `code` is S3's, or the kind of failure."""

    key: str
    target: str
    code: str
    reason: str


@dataclass(slots=True)
class Failures:
    """Failures by code; a rare code is not hidden by a common one."""

    by_code: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, list[Failure]] = field(default_factory=dict)

    def count(self, code: str, sign: int = 1) -> None:
        """Count a failure, or count it no longer."""
        self.by_code[code if code in self.by_code or len(self.by_code) < _CODES else _OTHER] += sign

    def example(self, failure: Failure) -> None:
        """Keep a failure, if its key is one of the first of its code."""
        code = failure.code if failure.code in self._examples or len(self._examples) < _CODES else _OTHER
        keep(self._examples.setdefault(code, []), failure)

    def forget(self, targets: Collection[str]) -> None:
        """Keep no examples of these targets."""
        for code, kept in self._examples.items():
            self._examples[code] = [failure for failure in kept if failure.target not in targets]

    @property
    def examples(self) -> list[Failure]:
        """The first one of each code, then others; the commonest codes come first."""
        by_code = sorted(self._examples.items(), key=lambda item: (-self.by_code[item[0]], item[0]))
        kept = [failures for _, failures in by_code if failures]
        firsts = [failures[0] for failures in kept]
        others = [failure for failures in kept for failure in failures[1:]]
        return (firsts + others)[: max(EXAMPLES, len(firsts))]

    @property
    def codes(self) -> dict[str, int]:
        """The number of failures of each code, the commonest first."""
        return dict(sorted((+self.by_code).items(), key=lambda item: (-item[1], item[0])))

    def __iadd__(self, other: Self) -> Self:
        for code, count in other.by_code.items():
            self.count(code, count)
        for failures in other._examples.values():
            for failure in failures:
                self.example(failure)
        return self
