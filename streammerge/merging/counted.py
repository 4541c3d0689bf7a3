"""What a planner has counted of a part of a job, to be added to what others have of other parts."""

from typing import NamedTuple

from streammerge.images.choice import Choice
from streammerge.listing.depth import Depth
from streammerge.planning.counters import Counters
from streammerge.planning.labels import SharedLabels
from streammerge.planning.twins import Twins


class Counted(NamedTuple):
    """All that adds up. folders, depths: what was seen of each source. choice: what a page shows, if anything."""

    counters: Counters
    folders: list[int]
    depths: list[Depth]
    shared: SharedLabels
    twins: Twins
    choice: Choice | None
