"""The report of a verification, as a description: the verdict, what proves it, and what is wrong."""

from collections.abc import Iterator

from streammerge.dataset.objects import MAX_KEY_BYTES, is_too_long
from streammerge.planning.cost import PRICES
from streammerge.planning.sections import (
    ignored_table,
    images_chart,
    reasons_table,
    recordio_warning,
    run_section,
    sources_section,
)
from streammerge.report.description import (
    Cell,
    Description,
    Fact,
    Key,
    Number,
    Row,
    Section,
    Table,
    nonzero,
    size,
    usd,
    warnings,
)
from streammerge.report.gallery import images_section
from streammerge.report.units import percent
from streammerge.verification.report import BYTES, CHECKSUM, ETAG, JOURNAL, MISSING, Verification

_PROVEN_BY = {
    ETAG: "Proven by ETag",
    JOURNAL: "Proven by the journal",
    CHECKSUM: "Proven by checksum",
    BYTES: "Proven by SHA-256",
}
_UNPROVEN = "right size, not older than the source, but no comparable ETag or checksum; --deep compares bytes"


def describe(found: Verification) -> Description:
    """All that a verification says."""
    return Description(
        title="Verification",
        verdict="passed" if found.exact else "found differences",
        role="good" if found.exact else "bad",
        headline=_headline(found),
        sections=[
            _evidence(found),
            sources_section(found.sources, found.destination, found.rules),
            Section(
                "Images per identity at the destination", charts=images_chart(found.images_per_identity), detail=True
            ),
            Section("Missing", tables=_missing(found), role="bad"),
            Section("Different", tables=_different(found), role="bad"),
            Section(
                "Unplanned objects at the destination",
                tables=reasons_table("Unplanned because", found.unplanned_reasons, found.unplanned_examples),
                role="bad",
            ),
            Section("Could not be read", tables=_unreadable(found), role="bad"),
            Section("Skipped and ignored", facts=_skipped(found), tables=ignored_table(found.sources)),
            run_section(found.seconds, found.requests),
            images_section(found.thumbnails),
        ],
        notices=[
            *warnings(found.warnings),
            *recordio_warning(found.recordio, "at the destination", "Remove or move them"),
        ],
        next_steps=list(_next_steps(found)),
        seconds=found.seconds,
    )


def _headline(found: Verification) -> list[Fact]:
    return [
        Fact("Planned identities", Number(found.identities)),
        Fact("Planned images", Number(found.images), (size(found.bytes),)),
        Fact("Right", Number(found.right), percent(found.right, found.images) if found.right else ()),
        Fact("Missing", Number(found.missing)),
        Fact("Different", Number(found.different)),
        Fact("Unplanned", Number(found.unplanned)),
    ]


def _evidence(found: Verification) -> Section:
    return Section(
        "Evidence",
        facts=[
            *(Fact(_PROVEN_BY[proof], Number(count)) for proof, count in found.proven.items()),
            *nonzero(
                Fact("Unproven", Number(found.unproven), _UNPROVEN),
                Fact("Looked at", Number(found.looked_at), _heads(found)),
                Fact("Compared by bytes", Number(found.compared), (size(found.bytes_read), " read")),
                Fact("Could not be read", Number(found.unreadable)),
            ),
        ],
    )


def _heads(found: Verification) -> tuple[Cell, ...]:
    sent = found.requests.get("head", 0)
    price = usd(sent * PRICES["head"] / 1000)
    return ("stored checksums: ", Number(sent), " HEAD requests, ", price)


def _skipped(found: Verification) -> list[Fact]:
    return nonzero(
        Fact("Identities with too few images", Number(found.skipped_too_few)),
        Fact("Identities with too many images", Number(found.skipped_too_many)),
        Fact("Folder markers at the destination", Number(found.folder_markers)),
    )


def _missing(found: Verification) -> list[Table]:
    rows: list[Row] = [
        [Key(one.target), Key(one.key), size(one.size)] for one in found.differences if one.reason == MISSING
    ]
    return [Table(["Key", "Copy of", "Size"], rows, found.missing)] if rows else []


def _different(found: Verification) -> list[Table]:
    rows: list[Row] = [
        [Key(one.target), one.reason, _object(one.size, one.etag), _object(one.found_size or 0, one.found_etag)]
        for one in found.differences
        if one.reason != MISSING
    ]
    examples = [Table(["Key", "Reason", "Planned", "Found"], rows, found.different)] if rows else []
    return [*reasons_table("Different because", found.different_reasons, {}), *examples]


def _object(size: int, etag: str) -> Cell:
    return Key(f"{size:,} B, ETag {etag or 'unknown'}")


def _unreadable(found: Verification) -> list[Table]:
    rows: list[Row] = [[Key(target), why] for target, why in found.unreadable_examples.items()]
    return [Table(["Key", "Reason"], rows, found.unreadable)] if rows else []


def _next_steps(found: Verification) -> Iterator[str]:
    too_long = sum(one.reason == MISSING and is_too_long(one.target) for one in found.differences)
    if too_long:
        yield f"Shorten names or the destination's prefix: S3 allows no key of more than {MAX_KEY_BYTES:,} bytes"
    if found.missing > too_long:
        yield "To copy what is missing, run `streammerge merge` with the same arguments"
    if found.different:
        yield "To replace what is different, run `streammerge merge` with --if-exists overwrite"
    if found.unplanned and not found.foreign:
        yield "To remove unplanned objects, run `streammerge merge` with --prune"
    if found.unreadable:
        yield "Run the same command again to compare what could not be read"
