"""Which cluster a command runs on, if on any."""

from dataclasses import dataclass

from streammerge.errors import UsageError
from streammerge.settings import Section, check_settings, setting


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """A cluster: N processes on this machine, or an existing cluster. Raises UsageError if both are given."""

    workers: int | None = setting(
        None,
        "Spread the work over N processes on this machine. Needs Dask.",
        section=Section.CLUSTER,
        metavar="N",
        at_least=1,
    )
    scheduler: str | None = setting(
        None,
        "Spread the work over the workers of a Dask cluster, which needs streammerge on each of them.",
        section=Section.CLUSTER,
        metavar="tcp://HOST:8786",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.workers is not None and self.scheduler is not None:
            raise UsageError(
                "--workers starts processes here, and --scheduler uses an existing cluster: pass one of them"
            )
        if self.scheduler is not None and "://" not in self.scheduler:
            raise UsageError(f"--scheduler {self.scheduler!r}: write tcp://{self.scheduler}")

    def __bool__(self) -> bool:
        return self.workers is not None or self.scheduler is not None
