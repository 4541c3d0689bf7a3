"""Whether a prefix holds a merged set that can be pulled; if not, the command that makes one."""

from typing import TYPE_CHECKING

from streammerge.dataset.objects import Location
from streammerge.dataset.source import Source, location_of
from streammerge.errors import RunError, UsageError
from streammerge.listing.first_level import look_around
from streammerge.listing.layout_check import first_level, folder_above, looks_flat
from streammerge.listing.opening import open_store
from streammerge.listing.suggestions import suggest
from streammerge.s3.options import Options

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client

_DEFAULTS = Options()


async def ensure_merged(location: str | Location, options: Options = _DEFAULTS) -> None:
    """Check with one request that there is something to pull.

    Raises RunError, with the command that makes it, where nothing is at the prefix; UsageError where the prefix
    cannot be listed, or is not laid out in folders.
    """
    async with open_store(options) as store:
        await check_merged(store, location_of(location))


async def check_merged(store: "S3Client", location: Location) -> None:
    """The same on an open store."""
    page = await store.probe(location, delimiter="/")
    if page.empty:
        raise nothing_to_pull(location, f". {await suggest(store, location)}")
    source = Source("set", location)
    if looks_flat(source, first_level(source, page)) and looks_flat(
        source, first_level(source, await look_around(store, location, page))
    ):
        above = folder_above(location)
        one = f"If it is the folder of one identity, pull {above[1]}; otherwise merge" if above else "Merge"
        raise UsageError(
            f"{location} looks flat: more images lie directly under the prefix than there are folders, and training "
            f"needs one folder per identity. {one} it first, with a --layout that says how names spell the identity"
        )


def nothing_to_pull(location: Location, advice: str = "") -> RunError:
    """The error for a prefix without images."""
    return RunError(
        f"{location} holds no images yet, so there is nothing to pull{advice}. To make the merged set, run\n"
        f"  streammerge merge s3://BUCKET/FIRST/ s3://BUCKET/SECOND/ --into {location} --min-images 2\n"
        "with the prefixes of its sources, then run this command again"
    )
