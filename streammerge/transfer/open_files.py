"""The limit of open files: raises it for a run, and bounds the requests in flight by it.

Strategy: while any run goes on in this process, its limit is as high as it may be; what is in flight is bounded by the
rest. After the last run the limit is what it was.
"""

import contextlib
import resource
from collections.abc import Callable
from pathlib import Path

from streammerge.process_setting import ProcessSetting

_WANTED = 16_384
_RESERVE = 64  # for listings, the journal, libraries
_EACH = 2  # a socket and a file


def _allow_more() -> Callable[[], None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return lambda: None
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def restore() -> None:
        with contextlib.suppress(ValueError):  # somebody has lowered the hard limit meanwhile
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return restore


more_open_files = ProcessSetting(_allow_more)  # a context: allows this process as many as it may have


def affordable(requests: int) -> int:
    """How many of so many requests may be in flight at once, by the files that this process may still open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return requests
    try:
        opened = sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError:
        opened = _RESERVE
    return max(1, min(requests, (soft - opened - _RESERVE) // _EACH))
