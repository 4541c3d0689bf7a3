"""Which images of an identity are kept where there are more than enough."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from samples import a_job, identity

from streammerge.planning.plan import KEPT, TOO_FEW, TOO_MANY, Decision, decide

_FOLDERS = st.dictionaries(st.integers(0, 30).map("{}.jpg".format), st.sampled_from(["1", "22"]), max_size=12)


def _decide(*members: Mapping[str, str], cap: int, **rules: Any) -> Decision:
    return decide(identity("id", *members), a_job(len(members) - 1, min_images=1, cap_images=cap, **rules))


def _names(decision: Decision) -> set[str]:
    return {task.target.removeprefix("out/id/") for task in [*decision.copies, *decision.present]}


def test_as_many_as_are_wanted_are_kept() -> None:
    """The rest is counted, and is not in the plan where it is at the destination."""
    member = {f"{number}.jpg": str(number) for number in range(10)}
    decision = _decide(member, {}, cap=4)
    assert (decision.verdict, decision.named.images, decision.named.capped) == (KEPT, 4, 6)
    assert len(decision.copies) == 4
    again = _decide(member, member, cap=4)
    assert (_names(again), len(again.unplanned)) == (_names(decision), 6)
    assert _names(_decide(member, {}, cap=10)) == set(member)


def test_max_images_still_drops_the_identity() -> None:
    """It counts all images, before the cap."""
    member = {f"{number}.jpg": str(number) for number in range(10)}
    assert _decide(member, {}, cap=4, max_images=9).verdict == TOO_MANY


@given(one=_FOLDERS, two=_FOLDERS, cap=st.integers(1, 8))
def test_another_source_takes_as_few_places_as_possible(one: dict[str, str], two: dict[str, str], cap: int) -> None:
    """Each image of it that is kept takes the place of one at most, and the choice is the same every time."""
    alone, both = _decide(one, {}, cap=cap), _decide(one, two, {}, cap=cap)
    assert both == _decide(one, two, {}, cap=cap)
    of_two = sum(task.source == 1 for task in both.copies)
    room = cap - len(_names(alone))
    assert len(_names(alone) - _names(both)) == max(0, of_two - room)
    assert len(_names(both)) == min(cap, both.named.images + both.named.capped)


@given(one=_FOLDERS, there=_FOLDERS, cap=st.integers(1, 8))
def test_what_is_at_the_destination_stays_when_appending(one: dict[str, str], there: dict[str, str], cap: int) -> None:
    """The cap leaves room for new images only, and appending twice copies nothing."""
    first = _decide(one, there, cap=cap, append=True)
    assert _names(first) >= set(there)
    assert len(_names(first)) <= max(cap, len(there))
    contents = {
        task.object.etag: body for body in ("1", "22") for task in first.copies if task.object.size == len(body)
    }
    after = there | {task.target.removeprefix("out/id/"): contents[task.object.etag] for task in first.copies}
    assert not _decide(one, after, cap=cap, append=True).copies


def test_the_bounds_count_what_the_cap_omits() -> None:
    """Few images of those identities that have many: the cap may be below the threshold."""
    job = a_job(1, min_images=3, cap_images=2)
    few, enough = ({str(number): "1" for number in range(count)} for count in (2, 3))
    assert decide(identity("id", few, {}), job).verdict == TOO_FEW
    assert len(decide(identity("id", enough, {}), job).copies) == 2
