"""A key range while it is read: its progress, where it is best cut, and what is left of it for others to continue."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from streammerge.dataset.objects import Identity, Page
from streammerge.listing.alphabet import Alphabet
from streammerge.listing.listing import Listing
from streammerge.listing.merge_join import Join, Reached

_SAMPLE = 50  # every nth name of a page is learned from


class Rest(NamedTuple):
    """What is left of a key range that is no longer read; any process can continue it.

    share: of the key space, a guess.
    """

    reached: Reached
    share: float
    alphabet: Alphabet


class KeyRange:
    """One key range: its join, its share of the key space, a guess, and what is known of the names in it."""

    def __init__(self, join: Join, share: float = 1.0, alphabet: Alphabet | None = None) -> None:
        self.join = join
        self.share = share
        self._alphabet = Alphabet() if alphabet is None else alphabet

    @classmethod
    def resumed(cls, listings: Sequence[Listing], rest: Rest) -> Self:
        """The range that a rest is left of."""
        return cls(Join.resumed(listings, rest.reached), rest.share, rest.alphabet)

    @property
    def rest(self) -> Rest:
        """What is left of it; the range is not to be used any more then."""
        return Rest(self.join.reached, self.share, self._alphabet)

    def feed(self, number: int, listing: Listing, page: Page) -> None:
        """Take in the next page of a listing. Raises RunError on a key that is out of order."""
        self.join.feed(number, page.objects, last=page.token is None)
        sample = page.objects[::_SAMPLE] + page.objects[-1:]
        self._alphabet.learn(listing.name(listing.position(item.key)) for item in sample)

    def complete(self) -> Iterator[Identity]:
        """Take the identities that are complete."""
        return self.join.complete()

    def cut(self) -> "KeyRange | None":
        """End about half-way of what is left, and leave the rest to the range that is returned; None if that fails."""
        if not self.join.behind():
            return None
        name = self.join.name_of_least()
        border = next(filter(self.join.may_be_cut_at, self._alphabet.borders(name, self.join.high)), None)
        if border is None:
            return None
        self.share /= 2
        return KeyRange(self.join.cut(border), self.share, self._alphabet.heir(name))
