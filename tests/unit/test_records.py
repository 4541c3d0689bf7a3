"""The journal's lines: what is concluded from them, whatever a crash or a bad disk has made of them."""

import io
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import copy, etag_of

from streammerge.core import records
from streammerge.core.chronicle import chronicle, render_chronicle
from streammerge.core.plan import Copy
from streammerge.core.records import History, from_line, may_have_begun
from streammerge.errors import UsageError

PARTS = etag_of("x") + "-2"
BEGAN = records.began("this job", "a into b", "run", 1.0)
ODD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
COPIES = st.lists(
    st.builds(
        lambda name, etag: copy(f"out/id/{name}")._replace(key=f"one/{name}", etag=etag),
        ODD,
        st.sampled_from([etag_of("x"), PARTS, '":result","at":']),
    ),
    max_size=6,
    unique_by=lambda made: made.target,
)


def lines_of(copies: Sequence[Copy], result: str | None = None) -> list[bytes]:
    """A run that made these copies; their ETags became `result`, or stayed."""
    return [BEGAN, *(records.copied(made, "one", result or made.etag, 2.0) for made in copies)]


def learned(*lines: bytes, job: str = "this job") -> History:
    """What is concluded from lines, split where a file would be."""
    history = History()
    history.learn(io.BytesIO(b"".join(lines)), job, "the journal")
    history.seal("the journal")
    return history


def test_what_a_line_looks_like() -> None:
    """The format is what the module says: others may read it."""
    line = records.copied(copy(), "one", "other", 1.23456)
    digits, _, body = line.partition(b" ")
    assert int(digits, 16) == zlib.crc32(body[:-1])
    assert list(json.loads(body)) == ["did", "source", "key", "etag", "size", "target", "at", "result"]
    assert from_line(line) == {
        "did": "copied",
        "source": "one",
        "key": "one/id/a.jpg",
        "etag": etag_of("x"),
        "size": 1,
        "target": "out/id/a.jpg",
        "at": 1.235,
        "result": "other",
    }


@given(texts=st.lists(st.text(), min_size=5, max_size=5), size=st.integers(0, 10**13))
def test_any_text_survives(texts: list[str], size: int) -> None:
    """Whatever S3 or a user put into a name comes out of the line as it went in."""
    source, key, etag, target, result = texts
    made = copy()._replace(key=key, target=target, etag=etag, size=size)
    record = from_line(records.copied(made, source, result, 1.0))
    assert record is not None
    seen = [record["source"], record["key"], record["etag"], record["target"], record.get("result", etag)]
    assert (seen, record["size"]) == (texts, size)
    began = from_line(records.began(source, key, target, 1.0)) or {}
    assert [began["fingerprint"], began["job"], began["run"]] == [source, key, target]
    began = from_line(records.began(source, key, target, 1.0, command=etag)) or {}
    assert began.get("command", "") == etag


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'"\xff"'])
def test_lines_that_are_none_of_ours(body: bytes) -> None:
    """A checksum that fits makes no record of what is none."""
    assert from_line(b"%08x %s\n" % (zlib.crc32(body), body)) is None


@given(copies=COPIES, result=st.sampled_from([None, "other", PARTS]))
def test_history_judges_what_was_copied(copies: list[Copy], result: str | None) -> None:
    """True for the ETag that the copy got, False for any other, None for what was never copied."""
    history = learned(*lines_of(copies, result))
    for made in copies:
        assert history.judges(made, result or made.etag) is True
        assert history.judges(made, "never seen") is False
        assert history.judges(made._replace(size=made.size + 1), made.etag) is None
        assert history.judges(made._replace(target=made.target + "x"), made.etag) is None
    assert history.judges(copy("out/never/copied"), etag_of("x")) is None


def test_every_run_counts() -> None:
    """Of several runs, each copy is remembered, with each ETag that it got."""
    first, second = copy("out/id/1.jpg"), copy("out/id/2.jpg")
    history = learned(*lines_of([first], "a"), *lines_of([second]), *lines_of([first], "b"))
    assert [history.judges(first, etag) for etag in ("a", "b", "c")] == [True, True, False]
    assert history.judges(second, "c") is False


def test_other_records_are_no_copies() -> None:
    """A failure, a removal and an end say nothing about what lies at a target."""
    did = [records.failed(copy(), "one", "c", "r", 1), records.removed(copy().target, 1)]
    did.append(records.ended(complete=True, at=1))
    assert learned(BEGAN, *did).judges(copy(), etag_of("x")) is None


@given(copies=COPIES, result=st.sampled_from([None, "other"]), data=st.data())
def test_torn_at_any_byte(copies: list[Copy], result: str | None, data: st.DataObject) -> None:
    """Whatever a crash left is a journal; what is whole in it counts, and so does what the next run adds."""
    lines = lines_of(copies, result)
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    left = whole[:cut]
    kept = len(left.splitlines()) - (not left.endswith(b"\n") and bool(left)) - 1
    history = learned(left)
    assert history.damaged == (bool(left) and not left.endswith(b"\n"))
    for number, made in enumerate(copies):
        assert history.judges(made, result or made.etag) is (True if number < kept else None)
    added = copy("out/added/1.jpg")
    again = learned(left, b"" if left.endswith(b"\n") or not left else b"\n", *lines_of([added]))
    assert again.judges(added, added.etag) is True
    assert chronicle(io.BytesIO(left), "j").copied == max(kept, 0)


@given(copies=COPIES, data=st.data())
def test_decayed_bytes_cost_their_lines_alone(copies: list[Copy], data: st.DataObject) -> None:
    """One byte that turned into another loses two lines at most, and never makes a copy of what was none."""
    second = records.began("this job", "a into b", "another run", 3.0)
    whole = bytearray(b"".join([*lines_of(copies), second]))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    history = learned(bytes(whole))
    judged = [history.judges(made, made.etag) for made in copies]
    assert judged.count(None) <= 2
    assert judged.count(False) == 0
    assert 1 <= history.damaged <= 2


def test_job_whose_beginning_cannot_be_read_is_refused() -> None:
    """Nobody can say then whose copies they are."""
    with pytest.raises(UsageError, match="not a journal"):
        learned(BEGAN.replace(b"this", b"that"), *lines_of([copy()])[1:])


@pytest.mark.parametrize("before", [[], lines_of([copy()])])
def test_other_job_is_refused(before: list[bytes]) -> None:
    """Also if only a later run is of another one; the message says which job it is."""
    with pytest.raises(UsageError, match=r"another job \(a into b.*--journal"):
        learned(*before, records.began("that job", "a into b", "run", 1.0))


def test_other_version_is_refused() -> None:
    """The message names both versions."""
    line = records.began("this job", "a into b", "run", 1.0, version=9)
    for read in (lambda: learned(line), lambda: chronicle([line], "the journal")):
        with pytest.raises(UsageError, match="version 9, and this streammerge reads version 1"):
            read()


@pytest.mark.parametrize("text", [b"root:x:0:0\n", b"\n", b"00000000 \n", b"deadbeef {}\n", b"\xff" * 20])
def test_other_files_are_refused(text: bytes) -> None:
    """A file of somebody else's is no journal, and never written to."""
    for read in (lambda: learned(text), lambda: chronicle(io.BytesIO(text), "the journal")):
        with pytest.raises(UsageError, match="the journal is not a journal"):
            read()


def test_beginnings_of_a_journal() -> None:
    """Each part of a first line may be one; what differs anywhere in its form may not."""
    assert all(may_have_begun(BEGAN[:cut]) for cut in range(1, len(BEGAN)))
    assert not may_have_begun(BEGAN.replace(b"began", b"ended"))
    assert not may_have_begun(b"Dear diary")


def test_chronicle_of_several_runs() -> None:
    """Runs, copies, bytes, what failed and was not made since, what was removed, and how it stands."""
    again, never = copy("out/id/1.jpg"), copy("out/id/\x1b2.jpg")._replace(key="one/\x1b2.jpg")
    lines = [
        BEGAN,
        *(records.failed(failed, "one", "SlowDown", "too \x1bfast", 60.0) for failed in (again, never)),
        records.began("this job", "a into b", "second", 120.0, command="cd /x && streammerge merge \x1bjob.toml"),
        records.copied(again, "one", again.etag, 121.0),
        records.removed("out/x", 122.0),
        records.ended(complete=False, at=123.0),
        b"torn",
    ]
    told = chronicle(lines, "the journal", size=1234)
    assert (told.copied, told.bytes, told.removed, told.damaged, told.last) == (1, 1, 1, 1, 123.0)
    assert [(run.began, run.ended, run.complete) for run in told.runs] == [(1.0, None, False), (120.0, 123.0, False)]
    assert list(told.failures) == [never.target]
    assert told.to_json()["failed"] == 1
    assert render_chronicle(told).split("\n") == [
        "Journal:  the journal (1.2 kB)",
        "Job:      a into b",
        "State:    incomplete: run the same command again to go on, last recorded 1970-01-01 00:02:03 UTC",
        "To go on: cd /x && streammerge merge \\x1bjob.toml",
        "Runs:     2",
        "  began 1970-01-01 00:00:01 UTC, not ended",
        "  began 1970-01-01 00:02:00 UTC, ended 1970-01-01 00:02:03 UTC, incomplete",
        "Copied:   1 (1 B)",
        "Failed:   1",
        "  1970-01-01 00:01:00 UTC one/\\x1b2.jpg: too \\x1bfast",
        "Removed:  1 from the destination, outside the plan",
        "Damaged:  1 line cannot be read; what was recorded there is looked at anew",
    ]


@pytest.mark.parametrize(
    ("lines", "held", "state"),
    [
        ([BEGAN], True, "running"),
        ([BEGAN], False, "interrupted"),
        ([BEGAN[:20]], False, "interrupted"),
        ([BEGAN, records.ended(complete=False, at=2)], False, "incomplete"),
        ([BEGAN, records.ended(complete=False, at=2, conflicts=2)], False, "incomplete"),
        ([BEGAN, records.ended(complete=False, at=2, reason="interrupted")], False, "interrupted"),
        ([BEGAN, records.ended(complete=True, at=2)], False, "complete"),
        ([BEGAN, records.ended(complete=True, at=2), BEGAN], False, "interrupted"),
    ],
)
def test_how_a_job_stands(lines: list[bytes], state: str, *, held: bool) -> None:
    """The last run decides, and whether one is at work; JSON and text agree."""
    told = chronicle(lines, "the journal", held=held)
    assert told.state == told.to_json()["state"] == state
    text = render_chronicle(told)
    assert {"running": "a run is at work"}.get(state, state) in text
    assert "To go on" not in text  # nobody has recorded how
    told.command = "streammerge merge job.toml"
    assert ("To go on: streammerge merge job.toml" in render_chronicle(told)) == (state[0] == "i")


def test_the_names_in_json() -> None:
    """Scripts rely on these names: a change here is a change for every one of them."""
    found = chronicle([BEGAN], "the journal").to_json()
    assert list(found) == [
        *("journal", "held", "size", "job", "fingerprint", "command", "runs", "copied", "bytes", "removed", "damaged"),
        "last",
        *("failures", "state", "failed"),
    ]
    names = ["run", "began", "ended", "complete", "conflicts", "left", "present", "reason"]
    assert list(found["runs"][0]) == names


def test_how_a_run_ended() -> None:
    """What waits for a decision is not what another run would mend; runs that are not shown are counted."""
    ends: list[dict[str, Any]] = [
        {"complete": True, "present": 1234},
        {"reason": "interrupted\x1b"},
        {"conflicts": 1, "left": 30},
        {"conflicts": 2},
    ]
    lines = [BEGAN] * 3
    for end in ends:
        lines += [BEGAN, records.ended(**({"complete": False, "at": 2.0} | end))]
    yours = "for you to decide (--if-exists overwrite, or move what is in the way)"
    text = render_chronicle(chronicle(lines, "the journal")).split("\n")
    assert f"State:    incomplete: 2 conflicts {yours}, last recorded 1970-01-01 00:00:02 UTC" in text
    runs = text.index("Runs:     7")
    began = "  began 1970-01-01 00:00:01 UTC"
    assert text[runs + 1 : runs + 7] == [
        "  … 2 earlier",
        f"{began}, not ended",
        *(
            f"{began}, ended 1970-01-01 00:00:02 UTC, {how}"
            for how in ("complete, 1,234 were there already", "stopped: interrupted\\x1b", "incomplete", "incomplete")
        ),
    ]
    both = render_chronicle(chronicle(lines[:-2], "the journal"))
    assert f"incomplete: 1 conflict {yours}; for the other 30, run the same command again to go on" in both


def test_an_end_without_more_is_as_it_was() -> None:
    """Journals of before read on, and what is not there to say is not written."""
    line = records.ended(complete=True, at=2.0)
    assert line[9:] == b'{"did":"ended","complete":true,"at":2.000}\n'
