"""Executions whose source objects have changed: each once, when it is settled, in memory that does not grow."""

import tracemalloc

from samples import copy, copy_of, identity

from streammerge.merging.outdated import Outdated
from streammerge.planning.collisions import Named
from streammerge.planning.outcomes import Changed, Execution, Made, Outcome
from streammerge.planning.plan import KEPT, Decision


def execution(name: str, images: int = 2) -> Execution:
    """One of an identity with so many copies to make."""
    copies = [copy_of(copy(f"out/{name}/{number}.jpg"))._replace(identity=name) for number in range(images)]
    found = identity(name, {f"{number}.jpg": "1" for number in range(images)}, {})
    return Execution(Decision(found, (0,), KEPT, Named([], images), copies))


def settle(outdated: Outdated, run: Execution, *outcomes: Outcome) -> None:
    """These outcomes, in the order of the copies."""
    for task, outcome in zip(run.decision.copies, outcomes, strict=True):
        run.outcomes.append((task, outcome))
        outdated.settled(run, task, outcome)


def test_what_has_changed_comes_once_all_of_it_is_settled() -> None:
    """With its outcomes; whatever changed first or last."""
    with Outdated() as outdated:
        settle(outdated, execution("none"), Made("1"), Made("2"))
        first, last, both = runs = [execution("first"), execution("last"), execution("both")]
        settle(outdated, first, Changed("x"), Made("1"))
        settle(outdated, last, Made("1"), Changed("x"))
        settle(outdated, both, Changed("x"), Changed("y"))
        assert list(outdated) == runs


def test_nothing_changed() -> None:
    """As in nearly every run."""
    with Outdated() as outdated:
        assert list(outdated) == []


def test_a_source_that_is_rewritten_takes_no_memory() -> None:
    """20,000 changed objects, of which few are in memory at any time."""
    tracemalloc.start()
    try:
        with Outdated() as outdated:
            for number in range(200):
                settle(outdated, execution(f"id{number}", 100), *[Changed("x")] * 100)
            assert sum(len(run.outcomes) for run in outdated) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
