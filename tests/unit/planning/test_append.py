"""What is decided where the destination counts as the first source."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import a_job, etag_of, identity, image

from streammerge.dataset.objects import Identity
from streammerge.errors import UsageError
from streammerge.merging.pruning import check_prunable
from streammerge.planning.plan import KEPT, TOO_FEW, TOO_MANY, Decision, Judged, decide

_NAMES = st.sampled_from(["a.jpg", "b.jpg", "a_one.jpg", "a_one_2.jpg", "a_two.jpg", "b_one_two.jpg", "notes.txt"])
_CONTENTS = ["1", "22", "333"]  # of sizes that leave no doubt
_FOLDERS = st.dictionaries(_NAMES, st.sampled_from(_CONTENTS), max_size=5)


def _targets(decision: Decision) -> list[str]:
    return [task.target for task in decision.copies]


def _images(member: Mapping[str, str]) -> dict[str, str]:
    return {name: content for name, content in member.items() if name.endswith(".jpg")}


def test_what_is_there_counts_and_stays() -> None:
    """One image there and one in a source are two; what is no image is neither counted nor unplanned."""
    there = {"0.jpg": "0", "notes.txt": "n"}
    decision = decide(identity("id", {"7.jpg": "7"}, there), a_job(1, append=True))
    assert (decision.verdict, decision.named.images, decision.sources) == (KEPT, 2, (0, 1))
    assert _targets(decision) == ["out/id/7.jpg"]
    assert [task.target for task in decision.present] == ["out/id/0.jpg"]
    assert (decision.conflicts, decision.unplanned) == ([], [])


@pytest.mark.parametrize(("rules", "verdict"), [({"min_images": 4}, TOO_FEW), ({"max_images": 2}, TOO_MANY)])
def test_an_identity_out_of_bounds_stays_as_it_is(rules: dict[str, Any], verdict: str) -> None:
    """Nothing is copied to it, and what is there is not unplanned."""
    there = {"0.jpg": "0", "1.jpg": "1"}
    decision = decide(identity("id", {"7.jpg": "7"}, there), a_job(1, append=True, **rules))
    assert (decision.verdict, decision.copies, decision.unplanned) == (verdict, (), [])


def test_names_at_the_destination_are_taken() -> None:
    """An image whose name is taken by another gets a new one, never the other's place."""
    decision = decide(identity("id", {"0.jpg": "new"}, {"0.jpg": "0", "0_one.jpg": "1"}), a_job(1, append=True))
    assert _targets(decision) == ["out/id/0_one_2.jpg"]
    assert decision.named.renamed == 1


def test_an_image_that_is_there_is_not_copied() -> None:
    """Equal name and content are one image, and equal content is where duplicates go by that."""
    there = {"0.jpg": "0", "1.jpg": "1"}
    by_name = decide(identity("id", {"0.jpg": "0", "9.jpg": "1"}, there), a_job(1, append=True))
    assert (_targets(by_name), by_name.named.images) == (["out/id/9.jpg"], 3)
    by_content = decide(
        identity("id", {"0.jpg": "0", "9.jpg": "1"}, there), a_job(1, append=True, duplicates="content")
    )
    assert (_targets(by_content), by_content.named.images) == ([], 2)


@given(
    one=_FOLDERS,
    two=_FOLDERS,
    there=_FOLDERS,
    duplicates=st.sampled_from(["name", "content", "none"]),
    collisions=st.sampled_from(["rename", "first"]),
)
def test_twice_copies_nothing(
    one: dict[str, str], two: dict[str, str], there: dict[str, str], duplicates: str, collisions: str
) -> None:
    """What was appended is there the second time, whatever was renamed; nothing that was there before is replaced."""
    job = a_job(2, append=True, min_images=1, duplicates=duplicates, collisions=collisions)
    members = [_images(one), _images(two)]
    first = decide(identity("id", *members, there), job)
    placed = [task.target.removeprefix("out/id/") for task in first.copies]
    assert len({*placed, *there}) == len(placed) + len(there)
    contents = {etag_of(content): content for content in _CONTENTS}
    after = there | {name: contents[task.object.etag] for name, task in zip(placed, first.copies, strict=True)}
    second = decide(identity("id", *members, after), job)
    assert not _targets(second)
    assert not second.conflicts
    assert not second.unplanned
    assert second.named.images == first.named.images == len(_images(after))


def test_an_image_that_may_be_there_encrypted_is_asked_about() -> None:
    """It is in doubt until the past judges it: then it is the one that is there, or another, which gets a new name."""
    member = [image("0.jpg", "new", below="one/id/")]
    there = [image("0.jpg", "old", below="out/id/", modified="2026-02-01T00:00:00.000Z")]
    job, seen = a_job(1, append=True, min_images=1), Identity("id", [member, there])
    doubt = decide(seen, job)
    assert [conflict.certain for conflict in doubt.conflicts] == [False]
    known = {("one/id/0.jpg", "out/id/0.jpg"): True}
    assert [task.target for task in decide(seen, job, Judged(known, None)).present] == ["out/id/0.jpg"]
    known = dict.fromkeys(known, False)
    assert _targets(decide(seen, job, Judged(known, None))) == ["out/id/0_one.jpg"]


def test_contradicts_what_replaces_or_removes() -> None:
    """Neither overwriting nor pruning goes with it."""
    with pytest.raises(UsageError, match="--if-exists overwrite"):
        a_job(append=True, if_exists="overwrite")
    with pytest.raises(UsageError, match="--prune"):
        check_prunable(a_job(append=True))
