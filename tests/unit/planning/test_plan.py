"""What is decided about one identity."""

import pytest
from samples import DAY, a_job, copy, etag_of, identity, image

from streammerge.dataset.objects import S3Object
from streammerge.planning.plan import KEPT, NO_SOURCE, TOO_FEW, TOO_MANY, CopyTask, decide, is_same

EARLIER, LATER = "2025-12-31T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
MULTIPART = f"{etag_of('x')}-2"


def test_copies_what_is_not_there() -> None:
    """Every image kept becomes a copy below the identity's folder, with all that the copy needs."""
    decision = decide(identity("id", {"a.jpg": "1"}, {"deep/b.jpg": "22"}, {}), a_job())
    assert decision.verdict == KEPT
    assert decision.sources == (0, 1)
    first, second = decision.copies
    assert first == CopyTask(S3Object("one/id/a.jpg", 1, etag_of("1"), DAY), 0, "out/id/a.jpg", "id")
    assert second == CopyTask(S3Object("two/id/deep/b.jpg", 2, etag_of("22"), DAY), 1, "out/id/deep/b.jpg", "id")
    assert not any([decision.present, decision.conflicts, decision.impossible, decision.unplanned])


def test_sorts_what_is_already_there() -> None:
    """What is there is right, in the way, or not in the plan."""
    there = {"a.jpg": "1", "b.jpg": "other", "old.jpg": "1", "deep/old.txt": "1"}
    decision = decide(identity("id", {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"}, there), a_job(1))
    assert [found.target for found in decision.present] == ["out/id/a.jpg"]
    assert [(conflict.copy.target, conflict.found.etag) for conflict in decision.conflicts] == [
        ("out/id/b.jpg", etag_of("other"))
    ]
    assert [found.target for found in decision.copies] == ["out/id/c.jpg"]
    assert decision.unplanned == ["out/id/deep/old.txt", "out/id/old.jpg"]


def test_a_target_that_no_store_takes_is_no_copy() -> None:
    """A key has 1,024 bytes at most, in UTF-8; what would have more is known before anything is copied."""
    fits, too_long = "x" * (1024 - len("out/id/.jpg")) + ".jpg", "é" * 507 + "xx.jpg"
    assert [len(f"out/id/{name}".encode()) for name in (fits, too_long)] == [1024, 1027]
    decision = decide(identity("id", {fits: "1", too_long: "2"}, {}), a_job(1))
    assert [task.target for task in decision.copies] == [f"out/id/{fits}"]
    assert [task.target for task in decision.impossible] == [f"out/id/{too_long}"]


def test_a_renamed_image_is_found_under_its_new_name() -> None:
    """A second run sees what the first one renamed."""
    there = {"a.jpg": "1", "a_two.jpg": "2"}
    decision = decide(identity("id", {"a.jpg": "1"}, {"a.jpg": "2"}, there), a_job())
    assert [found.target for found in decision.present] == ["out/id/a.jpg", "out/id/a_two.jpg"]
    assert (decision.copies, decision.conflicts, decision.unplanned) == ([], [], [])


@pytest.mark.parametrize(
    ("one", "two", "verdict"),
    [
        ({"a.jpg": "1"}, {"b.jpg": "2"}, KEPT),
        ({"a.jpg": "1"}, {}, TOO_FEW),
        ({"a.jpg": "1"}, {"a.jpg": "1"}, TOO_FEW),
        ({"a.jpg": "1"}, {"a.jpg": "2"}, KEPT),
        ({"a.jpg": "1", "b.jpg": "2"}, {"c.jpg": "3"}, KEPT),
        ({"a.jpg": "1", "b.jpg": "2"}, {"c.jpg": "3", "d.jpg": "4"}, TOO_MANY),
        ({"a.jpg": "1", "b.jpg": "2"}, {"a.jpg": "1", "b.jpg": "2"}, KEPT),
        ({}, {}, NO_SOURCE),
    ],
)
def test_counts_over_all_sources(one: dict[str, str], two: dict[str, str], verdict: str) -> None:
    """Bounds hold for the union of the sources, once duplicates are resolved: one and one is two."""
    decision = decide(identity("id", one, two, {"old.jpg": "1"}), a_job(min_images=2, max_images=3))
    assert decision.verdict == verdict
    assert bool(decision.copies) == (verdict == KEPT)
    assert decision.unplanned == ["out/id/old.jpg"]


def test_what_first_drops_does_not_count() -> None:
    """An image that is not kept does not help its identity over the threshold."""
    members = identity("id", {"a.jpg": "1"}, {"a.jpg": "2"}, {})
    assert decide(members, a_job(collisions="first")).verdict == TOO_FEW
    assert decide(members, a_job(collisions="rename")).verdict == KEPT


def test_an_identity_that_is_not_kept_leaves_only_extras() -> None:
    """What lies at the destination of an identity below the threshold is not in the plan."""
    decision = decide(identity("id", {"a.jpg": "1"}, {"a.jpg": "1"}), a_job(1))
    assert decision.unplanned == ["out/id/a.jpg"]
    assert (decision.copies, decision.present, decision.conflicts) == ((), (), ())


PLAIN, OTHER = etag_of("x"), etag_of("y")


@pytest.mark.parametrize(
    ("planned", "found", "modified", "same"),
    [
        (PLAIN, PLAIN, EARLIER, True),
        (PLAIN, OTHER, LATER, None),
        (PLAIN, OTHER, DAY, None),
        (PLAIN, OTHER, EARLIER, False),
        (MULTIPART, MULTIPART, EARLIER, True),
        (MULTIPART, PLAIN, LATER, True),
        (MULTIPART, PLAIN, DAY, True),
        (MULTIPART, PLAIN, EARLIER, False),
        (PLAIN, MULTIPART, LATER, True),
        (PLAIN, MULTIPART, EARLIER, False),
    ],
)
def test_is_same(planned: str, found: str, modified: str, *, same: bool | None) -> None:
    """Equal ETags prove sameness, two MD5s difference, else a destination no older than its source decides."""
    wanted = copy(etag=planned, modified=DAY)
    lies_there = image("a.jpg", etag=found, modified=modified).object
    assert is_same(wanted, lies_there) is same
    assert is_same(wanted, lies_there._replace(size=2)) is False


@pytest.mark.parametrize(
    ("planned", "found", "same"),
    [
        ("2026-01-01T00:00:05.900Z", "2026-01-01T00:00:05.000Z", True),  # the same moment, by LIST and by HEAD
        ("2026-01-01T00:00:05.000Z", "2026-01-01T00:00:05Z", True),
        ("2026-01-01T00:00:05.000Z", "2026-01-01T00:00:04.999Z", False),
    ],
)
def test_times_are_compared_to_the_second(planned: str, found: str, *, same: bool) -> None:
    """That is as much as HEAD tells."""
    assert is_same(copy(modified=planned), image("a.jpg", etag=MULTIPART, modified=found).object) is same


class _Record:
    """Knows one copy, and the ETag that it got."""

    def __init__(self, etag: str) -> None:
        self._etag = etag

    def judges(self, _: CopyTask, etag: str) -> bool:
        return etag == self._etag


@pytest.mark.parametrize("modified", [EARLIER, LATER])
def test_a_record_decides_where_etags_cannot(modified: str) -> None:
    """What was recorded to have become this ETag is the image, and what became another one is not, whatever its age."""
    lies_there = image("a.jpg", etag=MULTIPART, modified=modified).object
    assert is_same(copy(), lies_there, _Record(MULTIPART)) is True
    assert is_same(copy(), lies_there, _Record(OTHER)) is False
    assert is_same(copy(), image("a.jpg", etag=etag_of("x")).object, _Record(OTHER)) is True
    assert is_same(copy(), lies_there._replace(size=2), _Record(MULTIPART)) is False


@pytest.mark.parametrize(("modified", "same"), [(EARLIER, False), (DAY, True), (LATER, True)])
def test_equal_empty_etags_are_no_proof(modified: str, *, same: bool) -> None:
    """Of a store that gives no ETags, an object older than its source is not the planned one."""
    found = image("a.jpg", below="out/id/", etag="", modified=modified).object
    assert is_same(copy(etag=""), found) is same
