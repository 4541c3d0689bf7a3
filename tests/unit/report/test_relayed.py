"""What reports say of objects that go through this machine."""

from dataclasses import replace

from report_samples import ESTIMATE, a_report


def test_a_plan_says_which_way_and_how_much() -> None:
    """By source, with the bytes, and what the estimate leaves out."""
    one, second = a_report().sources
    relayed = replace(one, transfer="relay", to_relay=1200, bytes_to_relay=3_000_000)
    text = str(a_report(sources=[relayed, second], estimate=ESTIMATE, command="plan"))
    assert "Relayed from one: 1,200 (3.0 MB through this machine)" in text
    assert "Relayed from second" not in text
    flat = " ".join(text.split())
    assert "requests only, without the source provider's egress fees" in flat
    assert "relayed bytes take as long as the network does" in flat
    assert [line.split()[-1] for line in text.splitlines() if "s3://data/one/" in line or "s3://data/two/" in line] == [
        "relay",
        "server-side",
    ]


def test_nothing_of_it_where_s3_copies() -> None:
    """The usual report has no word of it."""
    for report in (a_report(), a_report(estimate=ESTIMATE, command="plan")):
        assert "elay" not in str(report)


def test_a_merge_says_how_much_was_relayed() -> None:
    """Of what was copied."""
    assert "Relayed:" in str(a_report(bytes_relayed=3_000_000))
