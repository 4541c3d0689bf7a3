"""The report as text, for people: first the headline, then what came of it, then what needs attention."""

from collections.abc import Sequence

from streammerge.core.extras import describe, recordio_warning
from streammerge.core.keys import printable
from streammerge.core.report import INTERRUPTED, Failure, Report, SourceReport

_RULE = "=" * 60
_KILO, _SIXTY, _CENT = 1000, 60, 0.01
_ACCESS = (
    "AccessDenied: an object may need s3:GetObject, s3:GetObjectTagging if it has tags (or --tags drop), and",
    "kms:Decrypt if it is encrypted; its copy s3:PutObject, s3:PutObjectTagging and kms:GenerateDataKey.",
)
_SHOWN = 5  # examples in a section; the JSON has more
_SHOWN_SO_FAR = 3  # failures of a run that was stopped


def render(report: Report) -> str:
    """The report as text, for people."""
    planning = report.estimate is not None
    title = "MERGE PLAN" if planning else "MERGE COMPLETE" if report.complete else "MERGE INCOMPLETE"
    lines = [_RULE, title, _RULE, *_headline(report), "", *_where(report)]
    lines += _estimate(report) if planning else _outcome(report)
    lines += _set_aside(report) + _trouble(report) + _extras(report)
    return "\n".join(lines)


def so_far(report: Report) -> str:
    """How far a run came that was stopped before its end, in a line, why some objects failed, and what was removed."""
    lines = [decided_so_far(report), *first_failures(report.failures, report.failed, report.stopped)]
    if report.removed:
        lines.append(f"Removed: {report.removed:,} from the destination, outside the plan")
    if report.not_pruned is not None:
        lines.append(f"Nothing was removed: {counted(report.extra, 'object')} outside the plan ({report.not_pruned})")
    return "\n".join(lines)


def first_failures(failures: Sequence[Failure], failed: int, stopped: str | None) -> list[str]:
    """A line of text for each of the first few of so many failures of a run that was interrupted.

    None for a run that an error has stopped: that says what was wrong.
    """
    if stopped != INTERRUPTED:
        return []
    lines = [f"  {printable(failure.key)}: {failure.reason}" for failure in failures[:_SHOWN_SO_FAR]]
    return lines if failed <= _SHOWN_SO_FAR else [*lines, f"  … and {failed - _SHOWN_SO_FAR:,} more failed"]


def decided_so_far(report: Report) -> str:
    """What a run that was stopped had decided about, and what became of that, in a sentence."""
    if not report.identities + report.skipped and not report.all_decided:
        return "Nothing was copied yet: the sources and the destination were still being listed"
    images = [
        f"{report.copied:,} copied ({human_bytes(report.bytes_copied)})",
        f"{report.already_present:,} already there",
        f"{report.failed:,} failed",
        *([f"{report.conflicts:,} in conflict"] if report.conflicts else []),
        f"{report.not_attempted:,} to copy",
    ]
    kept = f"{counted(report.identities, 'identity')} with {counted(report.images, 'image')}"
    skipped = f" ({report.skipped:,} more skipped)" if report.skipped else ""
    when, rest = ("", "") if report.all_decided else (" so far", "; what was not listed yet is not counted")
    return f"Decided{when}: {kept}{skipped}: {', '.join(images)}{rest}"


def _headline(report: Report) -> list[str]:
    average = report.images / report.identities if report.identities else 0.0
    lines = [
        f"Total identities: {report.identities:,}",
        f"Total images: {report.images:,}",
        f"Identities from single source: {report.single_source:,}",
        f"Identities from multiple sources: {report.multi_source:,}",
        f"Skipped (too few images): {report.skipped_too_few:,}",
    ]
    if report.skipped_too_many:
        lines.append(f"Skipped (too many images): {report.skipped_too_many:,}")
    return [*lines, f"Avg images per identity: {average:,.1f}"]


def _where(report: Report) -> list[str]:
    rules = ", ".join(f"{name.replace('_', '-')} {rule}" for name, rule in report.rules.items() if rule is not None)
    into = f"Into:          {report.destination}"
    return [*describe_sources(report.sources), into, *([f"Rules:         {rules}"] if rules else []), ""]


def describe_sources(sources: Sequence[SourceReport]) -> list[str]:
    """Which name stands for which URL, and what was found there, two lines a source."""
    width = max(len(source.name) for source in sources)
    lines = ["Sources:"]
    for source in sources:
        found = f"{source.images:,} images of {source.objects:,} objects, layout {printable(source.layout)}"
        lines += [f"  {source.name:<{width}}  {printable(source.url)}", f"  {'':<{width}}  {found}"]
    return lines


def _outcome(report: Report) -> list[str]:
    copying = report.throughput[-1].seconds if report.throughput else report.seconds  # without the question of --prune
    rate = f", {report.copied / copying:,.0f} a second" if report.copied and copying else ""
    requests = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.requests.items()))
    lines = [
        f"Copied:        {report.copied:,} ({human_bytes(report.bytes_copied)})",
        f"Already there: {report.already_present:,}",
        f"Failed:        {report.failed:,}",
    ]
    if report.not_attempted:
        lines.append(f"Not attempted: {report.not_attempted:,}")
    return [*lines, f"Took:          {human_time(report.seconds)}{rate}; requests: {requests}"]


def _estimate(report: Report) -> list[str]:
    assert report.estimate is not None
    cost = report.estimate
    return [
        f"To copy:       {report.not_attempted:,} ({human_bytes(report.bytes_to_copy)})",
        f"Already there: {report.already_present:,}",
        f"Cost:          {human_usd(cost.usd)} for the copies ({_prices(cost.prices_as_of)})",
        f"Time:          {human_time(cost.seconds)} at best, with {cost.copies_per_second:,.0f} copies a second",
    ]


def _set_aside(report: Report) -> list[str]:
    lines = []
    left_out = [(report.duplicates, "duplicate"), (report.dropped, "collision")]
    if any(count for count, _ in left_out):
        lines.append("Left out:      " + ", ".join(counted(count, what) for count, what in left_out if count))
    if report.changed:
        lines.append(f"Decided anew:  {report.changed:,}, their objects had changed since they were listed")
    if report.renamed:
        lines.append(f"Renamed:       {report.renamed:,} to <name>_<source>.<ext>: another image had taken their name")
    lines.append(f"Ignored:       {sum(report.ignored.values()):,}")
    for source in report.sources:
        for reason, count in source.ignored.items():
            keys = source.examples[reason]
            lines.append(f"  {source.name}: {count:,} {reason}, such as {printable(keys[0])}")
    return lines


def _trouble(report: Report) -> list[str]:
    lines = [f"Stopped:       before its end: {report.stopped}"] if report.stopped is not None else []
    lines += [f"Warning:       {warning}" for warning in report.warnings]
    if report.conflicts:
        lines.append(
            f"Conflicts:     {counted(report.conflicts, 'planned target')} taken by something else; left alone "
            "unless you say --if-exists overwrite"
        )
        lines += _examples(report.conflict_examples, report.conflicts)
        lines.append("  In what each differs, and whether its bytes do, says `streammerge verify --deep all`")
    if report.failures:
        lines.append("Failures:")
        lines += [f"  {printable(failure.key)}: {failure.reason}" for failure in report.failures[:_SHOWN]]
        if report.failed > _SHOWN:
            lines.append(f"  … and {report.failed - _SHOWN:,} more")
        if any(failure.code == "AccessDenied" for failure in report.failures):
            lines += _ACCESS
    if report.failed or (report.not_attempted and report.estimate is None):
        lines.append("Nothing of what was done is lost: run the same command again to try the rest.")
    return lines


def _extras(report: Report) -> list[str]:
    lines = []
    if report.removed:
        lines = [f"Removed:       {report.removed:,} from the destination, outside the plan"]
        lines += describe(report.removed_reasons, report.removed_examples)
    if report.not_removed:
        lines.append(f"Not removed:   {report.not_removed:,}; run the same command again to try the rest")
    if report.not_pruned is not None:
        lines.append(f"Not removed:   {report.extra:,} ({report.not_pruned})")
    hint = "; --prune would remove them" if report.extra and report.not_pruned is None else ""
    lines.append(f"Extra:         {report.extra:,} at the destination outside the plan{hint}")
    return lines + _examples(report.extra_examples, report.extra) + recordio_warning(report.recordio)


def _examples(keys: Sequence[str], count: int) -> list[str]:
    lines = [f"  {printable(key)}" for key in keys[:_SHOWN]]
    return lines if count <= _SHOWN else [*lines, f"  … and {count - _SHOWN:,} more"]


def counted(count: int, what: str) -> str:
    """A number of things: `1 identity`, `2 identities`, `1,000 images`."""
    if count == 1:
        return f"1 {what}"
    return f"{count:,} {what[:-1]}ies" if what.endswith("y") else f"{count:,} {what}s"


def _prices(as_of: str) -> str:
    return "at the prices given" if as_of == "given" else f"prices of {as_of}; --price overrides"


def human_usd(amount: float) -> str:
    """An amount of money to the cent; one above zero is never shown as zero."""
    return "less than $0.01" if 0 < amount < _CENT else f"${amount:,.2f}"


def human_bytes(count: int) -> str:
    """A number of bytes in the unit that suits it, powers of 1,000."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if round(value, 1) < _KILO:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KILO
    return f"{value:.1f} TB"


def human_time(seconds: float) -> str:
    """A duration as `850 ms`, `12.3 s`, `4 min 05 s` or `2 h 10 min`."""
    if round(seconds * _KILO) < _KILO:
        return f"{seconds * _KILO:.0f} ms"
    if round(seconds, 1) < _SIXTY:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SIXTY)
    if minutes < _SIXTY:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // _SIXTY} h {minutes % _SIXTY:02} min"
