"""Re-evaluates identities whose source objects changed after they were listed."""

import asyncio
from dataclasses import replace

from streammerge.dataset.ignored import is_folder_marker
from streammerge.dataset.objects import Identity, Image, Location, printable
from streammerge.errors import S3Error, unwrap
from streammerge.manifest.files import note_present
from streammerge.manifest.notes import Images
from streammerge.merging.copying import Ledger, Planned
from streammerge.merging.planner import Planner
from streammerge.planning.outcomes import Execution, Made, MadeNow, Outcome
from streammerge.transfer.pool import Pool

_AT_ONCE = 64  # identities
_TOLD = 20  # of them by name


class Reevaluation:
    """Re-evaluates identities and submits the copies that they need now to a pool, each identity once."""

    def __init__(self, planner: Planner, pool: Pool[Planned, Outcome], ledger: Ledger, database: Images | None) -> None:
        self._planner = planner
        self._store = planner.store
        self._job = planner.job
        self._pool = pool
        self._ledger = ledger
        self._database = database
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._found = 0

    async def run(self) -> None:
        """Re-evaluate every execution that the ledger found outdated."""
        try:
            async with asyncio.TaskGroup() as group:
                for execution in self._ledger.outdated:
                    await self._slots.acquire()
                    group.create_task(self._renew(execution))
        except BaseExceptionGroup as failed:
            raise unwrap(failed) from failed

    async def _renew(self, outdated: Execution) -> None:
        try:
            renewed = await self._reevaluated(outdated)
            if renewed is None:
                return
            if self._database is not None:
                self._database.forget(renewed.decision.identity.name)
                note_present(self._database, renewed.decision, self._job)
                for task, outcome in renewed.outcomes:
                    self._ledger.note(task, outcome)
            for task in renewed.open:
                await self._pool.submit((task, renewed))
        finally:
            self._slots.release()

    async def _reevaluated(self, outdated: Execution) -> Execution | None:
        """Look at every object of an identity again, and decide about it as if for the first time.

        What this run has copied of it counts as copied where the new plan still wants it, and as unplanned where not.
        None where it cannot be looked at: what has changed then counts as not attempted.
        """
        planner, counters = self._planner, self._planner.counters
        identity = outdated.decision.identity
        name = printable(identity.name)
        made = {task.target: (task, outcome) for task, outcome in outdated.outcomes if isinstance(outcome, Made)}
        try:
            decision = await planner.decider.decide(await self._listed_again(identity), MadeNow(made, planner.past))
        except S3Error as error:
            planner.progress.warn(f"identity {name} changed after it was listed and could not be re-evaluated: {error}")
            return None
        self._found += 1
        if self._found <= _TOLD:
            planner.progress.note(f"Identity {name} changed after it was listed: re-evaluating it")
        elif self._found == _TOLD + 1:
            planner.progress.note("More identities changed after they were listed; the report has their number")
        ours = [task for task in decision.present if task.target in made]
        execution = Execution(
            decision._replace(
                copies=[*decision.copies, *ours],
                present=[task for task in decision.present if task.target not in made],
            ),
            reevaluated=True,
            outcomes=[(task, made[task.target][1]) for task in ours],
        )
        counters.withdrawn(outdated.decision, outdated.outcomes)
        counters.decided(execution.decision)
        for task, outcome in execution.outcomes:
            counters.settled(task, outcome)
        planner.progress.planned(len(execution.open))
        return execution

    async def _listed_again(self, identity: Identity) -> Identity:
        async def look(location: Location, old: Image) -> Image | None:
            objects = self._store.objects_at(location)
            head = await self._pool.ask(lambda: objects.look(location.bucket, old.object.key))
            return Image(head.object, old.name) if head is not None and head.object.size else None

        try:
            async with asyncio.TaskGroup() as group:
                looks = [
                    [group.create_task(look(source.location, image)) for image in images]
                    for source, images in zip(self._job.sources, identity.members, strict=False)
                ]
        except BaseExceptionGroup as failed:
            raise unwrap(failed) from failed
        found = [[look.result() for look in of_source] for of_source in looks]
        members = [[image for image in images if image is not None] for images in found]
        return Identity(identity.name, [*members, await self._existing(identity.name)])

    async def _existing(self, identity: str) -> list[Image]:
        folder = f"{self._job.destination.prefix}{identity}/"
        found = await self._store.below(replace(self._job.destination, prefix=folder))
        return [Image(item, item.key[len(folder) :]) for item in found if not is_folder_marker(item.key, item.size)]
