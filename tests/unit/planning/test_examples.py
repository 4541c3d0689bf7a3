"""Examples: what was renamed or counted once, what was skipped, what each source brings; the same in every order."""

from hypothesis import given
from hypothesis import strategies as st
from samples import a_job

from streammerge.dataset.counters import EXAMPLES
from streammerge.dataset.objects import Identity, Image, S3Object
from streammerge.planning.counters import Counters
from streammerge.planning.examples import Example, Largest
from streammerge.planning.plan import decide
from streammerge.planning.report_of_counters import make_report


def identity(name: str, *contents: str) -> Identity:
    """An identity; of each source a text with a letter for each image, its content; nothing is at the destination."""
    members = [
        [
            Image(S3Object(f"s{source}/{name}/{n}.jpg", 1, f"{ord(letter):032x}", ""), f"{n}.jpg")
            for n, letter in enumerate(text)
        ]
        for source, text in enumerate(contents)
    ]
    return Identity(name, [*members, []])


def counted(identities: list[Identity]) -> Counters:
    """The counters once all are decided."""
    counters = Counters(a_job(sources=2, min_images=2))
    for each in identities:
        counters.decided(decide(each, counters.job))
    return counters


def test_one_of_each_kind() -> None:
    """A collision with its new name, a duplicate with the image that is kept, and an identity with too few images."""
    counters = counted([identity("p1", "ab", "xb"), identity("p2", "a", "")])
    assert counters.examples.by_kind == {
        "renamed": [Example("p1", "s1/p1/0.jpg", "0_two.jpg", 0)],
        "duplicate": [Example("p1", "s1/p1/1.jpg", "s0/p1/1.jpg", 0)],
        "too few images": [Example("p2", "", "", 1)],
    }
    assert counters.examples.largest == [Largest(-3, "p1")]


def test_what_each_source_brings() -> None:
    """Images and identities kept of it, and those that would have too few images without it."""
    counters = counted([identity("alone", "ab", ""), identity("joint", "a", "x"), identity("both", "ab", "xyz")])
    report = make_report(counters, "merge", requests={}, seconds=1)
    assert [(source.kept_identities, source.kept_images, source.gained_identities) for source in report.sources] == [
        (3, 5, 2),
        (2, 4, 1),
    ]


_LETTERS = st.text("abc", max_size=3)


@given(st.lists(st.tuples(_LETTERS, _LETTERS), max_size=60), st.data())
def test_the_same_in_every_order_and_in_parts(contents: list[tuple[str, str]], data: st.DataObject) -> None:
    """And never more than some of each kind."""
    identities = [identity(f"p{n:02}", *of_each) for n, of_each in enumerate(contents)]
    whole = counted(identities)
    mixed = data.draw(st.permutations(identities))
    parts = counted(mixed[::2])
    parts += counted(mixed[1::2])
    assert {kind: found for kind, found in parts.examples.by_kind.items() if found} == whole.examples.by_kind
    assert parts.examples.largest == whole.examples.largest
    assert (parts.gained, parts.kept_images) == (whole.gained, whole.kept_images)
    assert all(len(found) <= EXAMPLES for found in whole.examples.by_kind.values())
