"""The content of the page of a verification."""

from streammerge.core.rendering import human_bytes
from streammerge.core.verification import MISSING, Verification
from streammerge.core.verification_text import PROVEN_BY
from streammerge.page.content import Cell, Content, Figures, Section, Table, key
from streammerge.page.parts import from_where, histogram, ignored, recordio


def verification_content(found: Verification) -> Content:
    """What stands on it."""
    figures = Figures(found.to_json())
    sections = [
        Section("In all", facts=_headline(found, figures)),
        from_where(found.destination, found.rules, found.sources, figures),
        _comparison(found, figures),
        Section("Images of an identity, at the destination", charts=histogram(found.images_per_identity)),
        Section("Missing", tables=_missing(found)),
        Section("Different", facts=figures.each("different_reasons"), tables=_different(found)),
        Section("Extra", facts=figures.each("extra_reasons"), tables=_extra(found)),
        Section(
            "Left out",
            facts=[
                ("identities with too few images", figures("skipped_too_few")),
                ("with too many", figures("skipped_too_many")),
            ],
            tables=ignored(found.sources, figures),
        ),
        Section("Requests to S3", facts=sorted(figures.each("requests"))),
    ]
    warnings = [*found.warnings, *recordio(found.recordio)]
    verdict = "exactly the plan" if found.exact else "not exactly the plan"
    return Content("Verification", verdict, found.exact, warnings, sections)


def _headline(found: Verification, figures: Figures) -> list[tuple[str, Cell]]:
    return [
        ("identities", figures("identities")),
        ("images checked", figures("images")),
        ("in size", figures("bytes", form=human_bytes)),
        ("right", figures("right")),
        ("missing", figures("missing")),
        ("different", figures("different")),
        ("extra", figures("extra")),
        ("RecordIO files among the extra", f"{len(found.recordio):,}"),
    ]


def _comparison(found: Verification, figures: Figures) -> Section:
    rows: list[list[Cell]] = [[PROVEN_BY[proof], figures("proven", proof)] for proof in found.proven]
    if found.unproven:
        rows.append(["size and age alone, which prove nothing: --deep compares bytes", figures("unproven")])
    deep: list[tuple[str, Cell]] = [
        ("images compared by their bytes", figures("compared")),
        ("read for that", figures("bytes_read", form=human_bytes)),
        ("could not be read", figures("unreadable")),
    ]
    unread: list[list[Cell]] = [[key(target), key(why)] for target, why in found.unreadable_examples.items()]
    tables = [Table(["Right by", "Images"], rows), Table(["Could not be read", "Why"], unread)]
    return Section(
        "What was compared, and how",
        facts=deep if found.compared or found.unreadable else [],
        tables=[table for table in tables if table.rows],
    )


def _missing(found: Verification) -> list[Table]:
    rows: list[list[Cell]] = [
        [key(one.target), key(one.key), human_bytes(one.size)] for one in found.differences if one.reason == MISSING
    ]
    return [Table(["Such as", "Copy of", "Size"], rows)] if rows else []


def _different(found: Verification) -> list[Table]:
    rows: list[list[Cell]] = [
        [key(one.target), one.reason, _object(one.size, one.etag), _object(one.found_size or 0, one.found_etag)]
        for one in found.differences
        if one.reason != MISSING
    ]
    return [Table(["Such as", "Why", "Planned", "Found"], rows)] if rows else []


def _object(size: int, etag: str) -> Cell:
    return key(f"{size:,} B, {etag}")


def _extra(found: Verification) -> list[Table]:
    rows: list[list[Cell]] = [
        [key(name), reason] for reason in found.extra_reasons for name in found.extra_examples[reason]
    ]
    return [Table(["Such as", "Why"], rows)] if rows else []
