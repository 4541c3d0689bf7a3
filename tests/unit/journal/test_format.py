"""The journal's lines: what is concluded from them, whatever a crash or a bad disk has made of them."""

import io
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import copy, copy_of, etag_of

from streammerge.dataset.checksums import checksums_of
from streammerge.errors import UsageError
from streammerge.journal import format as records
from streammerge.journal.format import from_line, may_have_begun
from streammerge.journal.history import History
from streammerge.journal.summary import JournalSummary, summarize
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask

PARTS = etag_of("x") + "-2"
BEGAN = records.began("this job", "a into b", "run", 1.0)
ODD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
COPIES = st.lists(
    st.builds(
        lambda name, etag: copy_of(copy(f"out/id/{name}"), key=f"one/{name}", etag=etag),
        ODD,
        st.sampled_from([etag_of("x"), PARTS, '":result","at":']),
    ),
    max_size=6,
    unique_by=lambda made: made.target,
)


def lines_of(copies: Sequence[CopyTask], result: str | None = None) -> list[bytes]:
    """A run that made these copies; their ETags became `result`, or stayed."""
    return [BEGAN, *(records.copied(made, "one", Made(result or made.object.etag), 2.0) for made in copies)]


def learned(*lines: bytes, job: str = "this job") -> History:
    """What is concluded from lines, split where a file would be."""
    history = History()
    history.learn(io.BytesIO(b"".join(lines)), job, "the journal")
    history.seal("the journal")
    return history


def told_of(*lines: bytes, held: bool = False, size: int = 0) -> JournalSummary:
    """What `status` makes of lines."""
    return summarize(io.BytesIO(b"".join(lines)), "the journal", held=held, size=size)


def test_what_a_line_looks_like() -> None:
    """The format is what the module says: others may read it."""
    line = records.copied(copy(), "one", Made("other", "crc32 AAAA"), 1.23456)
    digits, _, body = line.partition(b" ")
    assert int(digits, 16) == zlib.crc32(body[:-1])
    assert list(json.loads(body)) == ["did", "source", "key", "etag", "size", "target", "at", "result", "checksum"]
    assert from_line(line) == {
        "did": "copied",
        "source": "one",
        "key": "one/id/a.jpg",
        "etag": etag_of("x"),
        "size": 1,
        "target": "out/id/a.jpg",
        "at": 1.235,
        "result": "other",
        "checksum": "crc32 AAAA",
    }
    record = from_line(records.copied(copy(), "one", Made(etag_of("x"), "crc32 AAAA"), 1.23456)) or {}
    assert "checksum" not in record, "where the ETag is that of the source, it proves enough"


@given(texts=st.lists(st.text(), min_size=5, max_size=5), size=st.integers(0, 10**13))
def test_any_text_survives(texts: list[str], size: int) -> None:
    """Whatever S3 or a user put into a name comes out of the line as it went in."""
    source, key, etag, target, result = texts
    made = copy_of(copy()._replace(target=target), key=key, etag=etag, size=size)
    record = from_line(records.copied(made, source, Made(result), 1.0))
    assert record is not None
    seen = [record["source"], record["key"], record["etag"], record["target"], record.get("result", etag)]
    assert (seen, record["size"]) == (texts, size)
    began = from_line(records.began(source, key, target, 1.0)) or {}
    assert [began["fingerprint"], began["job"], began["run"]] == [source, key, target]
    began = from_line(records.began(source, key, target, 1.0, command=etag)) or {}
    assert began.get("command", "") == etag


def test_a_recorded_checksum() -> None:
    """It proves a target that has got another ETag since, by the newest record of the very object, and nothing else."""
    made, newer = copy(), copy_of(copy(), etag=etag_of("y"))
    line = records.copied(made, "one", Made("kms", "crc64nvme AAAA="), 2.0)
    history, stored = learned(BEGAN, line), checksums_of({"crc64nvme": "AAAA="})
    assert history.judges(made, "kms again") is False
    assert history.proves(made, stored)
    assert not history.proves(newer, stored)
    assert not history.proves(made._replace(target="out/id/b.jpg"), stored)
    assert not history.proves(made, checksums_of({"crc64nvme": "BBBB=", "crc32": "AAAA="}))
    assert not history.proves(made, checksums_of({"crc64nvme": "AAAA="}, "COMPOSITE"))
    again = records.copied(made, "one", Made("kms 2", "crc64nvme BBBB="), 3.0)
    assert not learned(BEGAN, line, again).proves(made, stored)
    assert not learned(BEGAN, line, records.copied(made, "one", Made("kms 2"), 3.0)).proves(made, stored)
    assert not learned(BEGAN).proves(made, stored)


@given(texts=st.lists(st.text('",\\\\x:at'), min_size=5, max_size=5), size=st.integers(0, 10**13))
def test_fields_are_found_without_parsing(texts: list[str], size: int) -> None:
    """Whatever quotes and commas the values have, and whether the ETag has changed or not."""
    source, key, etag, target, result = texts
    made = copy_of(copy()._replace(target=target), key=key, etag=etag, size=size)
    fields = records.fields_in(records.copied(made, source, Made(result, source), 1.0))
    assert fields[:4] == records.fields_of(made)[:4]
    assert fields[4] == (b"" if result == etag else json.dumps(result).encode())
    assert fields[5] == (b"" if result == etag or not source else json.dumps(source).encode())
    assert records.size_in(fields) == size
    line = records.failed(made, source, etag, result, 1.0)
    assert records.fields_in(line) == records.fields_of(made)
    assert json.loads(records.code_in(line)) == etag


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'"\xff"'])
def test_lines_that_are_none_of_ours(body: bytes) -> None:
    """A checksum that fits makes no record of what is none."""
    assert from_line(b"%08x %s\n" % (zlib.crc32(body), body)) is None


@given(copies=COPIES, result=st.sampled_from([None, "other", PARTS]))
def test_history_judges_what_was_copied(copies: list[CopyTask], result: str | None) -> None:
    """True for the ETag that the copy got, False for any other, or another object; None for what was never copied."""
    history = learned(*lines_of(copies, result))
    for made in copies:
        assert history.judges(made, result or made.object.etag) is True
        assert history.judges(made, "never seen") is False
        assert history.judges(copy_of(made, size=made.object.size + 1), made.object.etag) is False
        assert history.judges(made._replace(target=made.target + "x"), made.object.etag) is None
    assert history.judges(copy("out/never/copied"), etag_of("x")) is None


def test_the_newest_record_of_a_target_counts() -> None:
    """Of several runs, the last copy that was made at a target says what lies there."""
    first, second = copy("out/id/1.jpg"), copy("out/id/2.jpg")
    history = learned(*lines_of([first], "a"), *lines_of([second]), *lines_of([first], "b"))
    assert [history.judges(first, etag) for etag in ("a", "b", "c")] == [False, True, False]
    assert history.judges(second, "c") is False


def test_a_copy_of_another_object_is_not_the_planned_one() -> None:
    """Where ETags are no MD5s, the record alone tells that a target holds another source's image, or an older one."""
    parts = copy_of(copy(), etag=PARTS)
    history = learned(*lines_of([parts], "kms"))
    assert history.judges(parts, "kms") is True
    assert history.judges(copy_of(parts, key="two/id/a.jpg"), "kms") is False
    assert history.judges(copy_of(parts, etag=etag_of("y") + "-2"), "kms") is False


def test_an_equal_object_of_another_source_is_the_planned_one() -> None:
    """An equal MD5 and size are the same content, whichever source has it now."""
    history = learned(*lines_of([copy()], "kms"))
    assert history.judges(copy_of(copy(), key="two/id/a.jpg"), "kms") is True
    assert history.judges(copy_of(copy(), key="two/id/a.jpg", etag=etag_of("y")), "kms") is False


def test_other_records_are_no_copies() -> None:
    """A failure, a removal and an end say nothing about what lies at a target."""
    did = [records.failed(copy(), "one", "c", "r", 1), records.removed(copy().target, 1)]
    did.append(records.ended(complete=True, at=1))
    assert learned(BEGAN, *did).judges(copy(), etag_of("x")) is None


def test_what_has_failed_is_known_by_its_target() -> None:
    """Whichever run it was, and whatever was to be copied there."""
    lines = [records.failed(copy(f"out/id/{name}"), "one", "c", "r", 1) for name in "bac"]
    history = learned(BEGAN, *lines)
    assert [history.has_failed(copy(f"out/id/{name}")) for name in "abcd"] == [True, True, True, False]
    assert not learned(BEGAN).has_failed(copy())


@given(copies=COPIES, result=st.sampled_from([None, "other"]), data=st.data())
def test_torn_at_any_byte(copies: list[CopyTask], result: str | None, data: st.DataObject) -> None:
    """Whatever a crash left is a journal; what is whole in it counts, and so does what the next run adds."""
    lines = lines_of(copies, result)
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    left = whole[:cut]
    kept = len(left.splitlines()) - (not left.endswith(b"\n") and bool(left)) - 1
    history = learned(left)
    assert history.damaged == (bool(left) and not left.endswith(b"\n"))
    for number, made in enumerate(copies):
        assert history.judges(made, result or made.object.etag) is (True if number < kept else None)
    added = copy("out/added/1.jpg")
    again = learned(left, b"" if left.endswith(b"\n") or not left else b"\n", *lines_of([added]))
    assert again.judges(added, added.object.etag) is True
    assert told_of(left).copied == max(kept, 0)


@given(copies=COPIES, data=st.data())
def test_decayed_bytes_cost_their_lines_alone(copies: list[CopyTask], data: st.DataObject) -> None:
    """One byte that turned into another loses two lines at most, and never makes a copy of what was none."""
    second = records.began("this job", "a into b", "another run", 3.0)
    whole = bytearray(b"".join([*lines_of(copies), second]))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    history = learned(bytes(whole))
    judged = [history.judges(made, made.object.etag) for made in copies]
    assert judged.count(None) <= 2
    assert judged.count(False) == 0
    assert 1 <= history.damaged <= 2


def test_job_whose_beginning_cannot_be_read_is_refused() -> None:
    """Nobody can say then whose copies they are."""
    with pytest.raises(UsageError, match="not a streammerge journal"):
        learned(BEGAN.replace(b"this", b"that"), *lines_of([copy()])[1:])


@pytest.mark.parametrize("before", [[], lines_of([copy()])])
def test_other_job_is_refused(before: list[bytes]) -> None:
    """Also if only a later run is of another one; the message says which job it is."""
    with pytest.raises(UsageError, match=r"another job \(a into b.*--journal"):
        learned(*before, records.began("that job", "a into b", "run", 1.0))


def test_other_version_is_refused() -> None:
    """The message names both versions."""
    line = records.began("this job", "a into b", "run", 1.0, version=9)
    for read in (lambda: learned(line), lambda: told_of(line)):
        with pytest.raises(UsageError, match="version 9; this streammerge reads version 1"):
            read()


@pytest.mark.parametrize("text", [b"root:x:0:0\n", b"\n", b"00000000 \n", b"deadbeef {}\n", b"\xff" * 20])
def test_other_files_are_refused(text: bytes) -> None:
    """A file of somebody else's is no journal, and never written to."""
    for read in (lambda: learned(text), lambda: told_of(text)):
        with pytest.raises(UsageError, match="the journal is not a streammerge journal"):
            read()


def test_beginnings_of_a_journal() -> None:
    """Each part of a first line may be one; what differs anywhere in its form may not."""
    assert all(may_have_begun(BEGAN[:cut]) for cut in range(1, len(BEGAN)))
    assert not may_have_begun(BEGAN.replace(b"began", b"ended"))
    assert not may_have_begun(b"Dear diary")


def test_summary_of_several_runs() -> None:
    """Runs, copies, bytes, what failed and was not made since, what was removed, and how it stands."""
    again, never = copy("out/id/1.jpg"), copy_of(copy("out/id/\x1b2.jpg"), key="one/\x1b2.jpg")
    lines = [
        BEGAN,
        *(records.failed(failed, "one", "SlowDown", "too \x1bfast", 60.0) for failed in (again, never)),
        records.began("this job", "a into b", "second", 120.0, command="cd /x && streammerge merge \x1bjob.toml"),
        records.copied(again, "one", Made(again.object.etag), 121.0),
        records.removed("out/x", 122.0),
        records.ended(complete=False, at=123.0),
        b"torn",
    ]
    told = told_of(*lines, size=1234)
    assert (told.copied, told.bytes, told.removed, told.damaged, told.last) == (1, 1, 1, 1, 123.0)
    assert [(run.began, run.ended, run.complete) for run in told.runs] == [(1.0, None, False), (120.0, 123.0, False)]
    assert [failure.target for failure in told.failures] == [never.target]
    assert told.to_json()["failed"] == 1
    assert str(told).split("\n") == [
        *("=" * 60, "JOB INCOMPLETE", "=" * 60, ""),
        "a into b",
        "  State:       incomplete (last record 1970-01-01 00:02:03 UTC)",
        "  Resume with: cd /x && streammerge merge \\x1bjob.toml",
        "  Journal:     the journal (1.2 kB)",
        "  Copied:      1 (1 B)",
        "  Failed:      1",
        "  Removed:     1 (unplanned objects)",
        "  Damaged:     1 (lines that cannot be read; their objects are rechecked)",
        "  Runs:        2",
        "",
        "  Began (UTC)          Ended (UTC)          Outcome",
        "  1970-01-01 00:00:01                       no end recorded, as after a kill",
        "  1970-01-01 00:02:00  1970-01-01 00:02:03  incomplete",
        "",
        "  Failed (UTC)         Key            Reason",
        "  1970-01-01 00:01:00  one/\\x1b2.jpg  too \\x1bfast",
        "",
        "Next steps",
        "- To resume a into b, run the same command again",
        "- Keep a journal as long as its job may run again; then delete it",
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
    told = told_of(*lines, held=held)
    assert told.state == told.to_json()["state"] == state
    text = str(told)
    assert f"JOB {state.upper()}\n" in text
    assert "Resume with" not in text  # nobody has recorded how
    told.command = "streammerge merge job.toml"
    assert ("Resume with: streammerge merge job.toml" in str(told)) == (state[0] == "i")


def test_the_names_in_json() -> None:
    """Scripts rely on these names: a change here is a change for every one of them."""
    found = told_of(BEGAN).to_json()
    assert list(found) == [
        *("journal", "held", "size", "job", "fingerprint", "command", "runs", "copied", "bytes", "removed", "damaged"),
        "last",
        *("failures", "failures_by_code", "state", "failed"),
    ]
    names = ["run", "began", "ended", "complete", "conflicts", "left", "present", "reason", "refused"]
    assert list(found["runs"][0]) == names


def test_how_a_run_ended() -> None:
    """What waits for a decision is not what another run would resolve; runs that are not shown are counted."""
    ends: list[dict[str, Any]] = [
        {"complete": True, "present": 1234},
        {"reason": "interrupted\x1b"},
        {"conflicts": 1, "left": 30},
        {"conflicts": 2},
    ]
    lines = [BEGAN] * 3
    for end in ends:
        lines += [BEGAN, records.ended(**({"complete": False, "at": 2.0} | end))]
    text = str(told_of(*lines)).split("\n")
    assert "- To resolve 2 conflicts of a into b, pass --if-exists overwrite, or move the" in text
    assert "run the same command again" not in "".join(text)
    assert "  Runs:    7 (the last 5 are shown)" in text
    runs = text.index("  Began (UTC)          Ended (UTC)          Outcome")
    began, ended = "  1970-01-01 00:00:01", "1970-01-01 00:00:02"
    assert text[runs + 1 : runs + 6] == [
        f"{began}                       no end recorded, as after a kill",
        *(
            f"{began}  {ended}  {how}"
            for how in ("complete, 1,234 already there", "stopped: interrupted\\x1b", "incomplete", "incomplete")
        ),
    ]
    assert str(told_of(*lines, BEGAN, held=True)).split("\n")[runs + 5].split() == [*began.split(), "running"]
    both = str(told_of(*lines[:-2]))
    assert "- To resolve 1 conflict of a into b" in both
    assert "- To resume a into b, run the same command again" in both


def test_a_run_that_an_error_has_stopped() -> None:
    """Its reason is told whole, the table has its beginning, and it is to be resolved before the command can go on."""
    reason = "2 images are archived.\nTo merge without them:   --archived skip"
    text = str(told_of(BEGAN, records.ended(complete=False, at=2.0, reason=reason)))
    assert "Reason: 2 images are archived.; To merge without them: --archived skip" in " ".join(text.split())
    assert "  stopped: 2 images are archived. …\n" in text
    assert "To resume a into b, resolve what stopped it, then run the same command again" in " ".join(text.split())


def test_a_run_that_was_refused() -> None:
    """Its input was wrong: to run the same again would be of no use, so that is not proposed."""
    refusal = records.ended(complete=False, at=2.0, reason="source a has no image", refused=True)
    told = told_of(records.began("f", "a into b", "run", 1.0, command="streammerge merge"), refusal)
    assert told.state == "refused"
    assert "  refused: source a has no image" in str(told)
    assert "Resume with" not in str(told)


def test_an_end_without_more_is_as_it_was() -> None:
    """Journals of before read on, and what is not there to say is not written."""
    line = records.ended(complete=True, at=2.0)
    assert line[9:] == b'{"did":"ended","complete":true,"at":2.000}\n'


def test_times_and_what_is_left_for_scripts() -> None:
    """ISO 8601 in UTC; how much is left of a run that was stopped before everything was listed is not known."""
    runs = [
        records.ended(complete=False, at=1.5, reason="interrupted"),
        records.ended(complete=False, at=3.0, left=4),
        records.ended(complete=False, at=3.0, left=0, reason="interrupted"),
        records.ended(complete=True, at=4.0),
        b"",
    ]
    found = told_of(*(records.began("f", "j", "run", 0.0) + end for end in runs)).to_json()
    assert [run["left"] for run in found["runs"]] == [None, 4, 0, 0, None]
    assert [run["ended"] for run in found["runs"]][:2] == [
        "1970-01-01T00:00:01.500+00:00",
        "1970-01-01T00:00:03.000+00:00",
    ]
    assert found["runs"][0]["began"] == "1970-01-01T00:00:00.000+00:00"
    assert found["last"] == "1970-01-01T00:00:00.000+00:00"
