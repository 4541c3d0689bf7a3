"""The cap on images per identity: which images are kept if there are more.

Strategy: the images whose names have the least digests. That is as good as chance and the same every time, and an image
that comes later takes the place of one at most.
"""

import hashlib
from collections.abc import Container

from streammerge.planning.collisions import Named


def capped(named: Named, most: int, staying: Container[str] = ()) -> Named:
    """At most so many of the images that are kept, and all of those whose names stay, however many these are."""
    names = sorted((name not in staying, _digest(name), name) for images in named.kept for _, name in images)
    chosen = {name for position, (new, _, name) in enumerate(names) if position < most or not new}
    kept = [[image for image in images if image.name in chosen] for images in named.kept]
    return Named(kept, len(chosen), named.renamed, named.duplicates, named.dropped, named.images - len(chosen))


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
