"""Whether the objects of each source are copied by S3 or relayed by this machine."""

from typing import Protocol

from streammerge.dataset.job import Job
from streammerge.dataset.objects import Location


class Carrier(Protocol):
    """A store that gets objects from one place to another."""

    def relays(self, source: Location, destination: Location) -> bool:
        """Whether they go through this machine. Raises UsageError if the chosen way is impossible."""


def relayed_sources(store: Carrier, job: Job) -> frozenset[int]:
    """The positions of the sources whose objects are relayed; all prefixes were probed."""
    return frozenset(
        position for position, source in enumerate(job.sources) if store.relays(source.location, job.destination)
    )
