"""Verify on a cluster: each worker verifies the identities of its tasks, and the findings add up."""

from dataclasses import dataclass
from typing import Any, Literal

from streammerge.cluster.members import Cluster
from streammerge.cluster.task import Done, Task, Tools
from streammerge.merging.cluster_work import PlannerWork, decide_task
from streammerge.merging.on_cluster import PlannerTotal, decide_on_cluster
from streammerge.merging.planner import Planner
from streammerge.s3.options import Options
from streammerge.verification.byte_comparison import comparison_pool
from streammerge.verification.doubts import Doubts
from streammerge.verification.findings import Findings
from streammerge.verification.stored_checksums import checksum_pool


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyWork(PlannerWork):
    """Compare what is at the destination with the plan. deep: as for `verify`."""

    deep: int | Literal["all"]

    async def do(self, task: Task, done: Done, tools: Tools) -> None:
        """Verify the identities of a task."""
        planner = self.planner(done, tools, settles=False)
        doubts = Doubts(findings := Findings(self.past), self.deep)
        done.besides = findings, doubts.sample
        async with (
            comparison_pool(tools.store, self.job, findings.compared_bytes, tools.progress) as doubts.comparisons,
            checksum_pool(tools.store, self.job, self.past, doubts.looked, tools.progress) as doubts.checksums,
        ):
            await decide_task(planner, task, done, tools, doubts.settle)
            await doubts.looked_at()


async def verify_on(cluster: Cluster, planner: Planner, options: Options, findings: Findings, doubts: Doubts) -> None:
    """Have everything listed, decided and looked at; the sample to compare is left in `doubts`."""
    work = VerifyWork(
        job=planner.job, options=options, past=planner.past, thumbnails=planner.choice.size, deep=doubts.deep
    )

    def add(besides: tuple[Findings, Any]) -> None:
        nonlocal findings
        findings += besides[0]
        doubts.sample += besides[1]

    await decide_on_cluster(cluster, work, PlannerTotal(planner, besides=add))
