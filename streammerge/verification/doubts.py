"""Settles doubts, images that ETags cannot decide about: by their stored checksums, and by their bytes if asked to."""

from collections import deque
from typing import Literal

from streammerge.dataset.sample import Sample
from streammerge.errors import S3Error
from streammerge.planning.plan import Decision
from streammerge.report.progress import Progress
from streammerge.report.units import counted, human_bytes
from streammerge.transfer.pool import Pool
from streammerge.verification.findings import Compared, Doubt, Findings
from streammerge.verification.report import JOURNAL


class Doubts:
    """Has stored checksums looked at, and compares the bytes of what they leave undecided, as far as that is asked for.

    deep: as for `verify`.
    """

    checksums: Pool[Doubt, str]
    comparisons: Pool[Doubt, Compared]

    def __init__(self, findings: Findings, deep: int | Literal["all"]) -> None:
        self._findings = findings
        self.deep = deep
        self._all = deep == "all"
        self.sample = Sample[Doubt](0 if deep == "all" else deep)  # to compare once everything is listed
        self._left = deque[Doubt]()  # to compare as soon as that may be

    async def settle(self, decision: Decision) -> None:
        """Take in a decision, as soon as there is room for its doubts."""
        for doubt in self._findings.decided(decision):
            if doubt.finding == JOURNAL:
                self._remains(doubt)
            else:
                await self.checksums.submit(doubt)
        await self._compare()

    def looked(self, doubt: Doubt, outcome: str | S3Error) -> None:
        """Take in what a look has found."""
        if left := self._findings.looked(doubt, outcome):
            self._remains(left)

    def _remains(self, doubt: Doubt) -> None:
        if self._all:
            self._left.append(doubt)
        else:
            self.sample.add(doubt.copy.target, doubt)

    async def looked_at(self) -> None:
        """Wait until every image is looked at that needs it, and compare what is left, unless only a sample is."""
        await self.checksums.idle()
        await self._compare()

    async def conclude(self, progress: Progress) -> None:
        """Look at and compare the rest, once everything is listed."""
        await self.checksums.idle()
        if chosen := list(self.sample):
            size = human_bytes(2 * sum(doubt.copy.object.size for doubt in chosen))
            progress.note(f"Everything is listed. Comparing {counted(len(chosen), 'image')}, {size} to read")
            self._left.extend(chosen)
        await self._compare()

    async def _compare(self) -> None:
        while self._left:
            await self.comparisons.submit(self._left.popleft())
