"""The section of a report about copies: what a plan has to do and what that costs, or what a merge did."""

from streammerge.planning.cost import PRICES_AS_OF
from streammerge.planning.report import Report
from streammerge.report.description import Fact, Number, Phrase, Section, counts, duration, nonzero, size, usd
from streammerge.report.units import percent


def to_do_section(report: Report) -> Section:
    """What a plan has to do, what it will cost, and how long it will take."""
    cost = report.estimate
    assert cost is not None, "a plan has an estimate"
    prices = "at the given prices" if cost.prices_as_of == "given" else f"prices of {cost.prices_as_of}; see --price"
    rate = Number(cost.copies_per_second, "{:,.0f} copies/s".format)
    return Section(
        "To do",
        facts=[
            Fact(
                "To copy",
                Number(report.not_attempted),
                _share_and_size(report.not_attempted, report.images, report.bytes_to_copy),
            ),
            Fact("Already there", Number(report.already_present), _share(report.already_present, report.images)),
            *nonzero(Fact("Conflicts", Number(report.conflicts))),
            *_leftovers(report),
            *_relay(report),
            Fact("Estimated cost", usd(cost.usd), f"{_priced(report)}, {prices}"),
            Fact("Estimated time", duration(cost.seconds), ("at most ", rate, _bandwidth(report))),
            Fact("Listing took", duration(report.seconds)),
            _requests(report),
        ],
    )


def copies_section(report: Report) -> Section:
    """What a merge did, how long it took, and what its requests cost."""
    rate = Number(report.copies_per_second, "{:,.0f} copies/s".format)
    return Section(
        "Copies",
        facts=[
            Fact("Copied", Number(report.copied), _share_and_size(report.copied, report.images, report.bytes_copied)),
            Fact("Already there", Number(report.already_present), _share(report.already_present, report.images)),
            Fact("Failed", Number(report.failed), _share(report.failed, report.images)),
            *nonzero(
                Fact("Conflicts", Number(report.conflicts)),
                Fact("Not attempted", Number(report.not_attempted)),
                Fact("Re-evaluated", Number(report.changed), "identities with an object that changed after listing"),
            ),
            *nonzero(Fact("Relayed", size(report.bytes_relayed), "through this machine")),
            *_leftovers(report),
            Fact("Duration", duration(report.seconds), (rate,) if report.copies_per_second else ()),
            _requests(report),
        ],
    )


def _leftovers(report: Report) -> list[Fact]:
    """What is at the destination outside the plan, and what became of it."""
    hint = "left alone" if report.foreign else "left alone; merge --prune removes them" if report.unplanned else ""
    return [
        *nonzero(
            Fact("Removed", Number(report.removed), "unplanned objects"),
            Fact("Not removed", Number(report.not_removed), "unplanned objects"),
        ),
        Fact("Unplanned", Number(report.unplanned), report.not_pruned or hint),
        *nonzero(Fact("Folder markers", Number(report.folder_markers), "at the destination; left alone")),
    ]


def _requests(report: Report) -> Fact:
    cost = (usd(report.requests_usd), f" at Amazon's prices of {PRICES_AS_OF}")
    return Fact("Requests", counts(report.requests), cost if report.requests else ())


def _relay(report: Report) -> list[Fact]:
    """What of a plan goes through this machine, by source."""
    return [
        Fact(
            f"Relayed from {source.name}",
            Number(source.to_relay),
            (size(source.bytes_to_relay), " through this machine"),
        )
        for source in report.sources
        if source.to_relay
    ]


def _priced(report: Report) -> str:
    return "requests only, without the source provider's egress fees" if _is_relayed(report) else "copies only"


def _bandwidth(report: Report) -> str:
    return "; relayed bytes take as long as the network does" if _is_relayed(report) else ""


def _is_relayed(report: Report) -> bool:
    return any(source.to_relay for source in report.sources)


def _share(part: int, whole: int) -> Phrase:
    return percent(part, whole) if part else ()


def _share_and_size(part: int, whole: int, of_bytes: int) -> Phrase:
    return (f"{percent(part, whole)}, ", size(of_bytes)) if part else ()
