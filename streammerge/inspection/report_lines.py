"""The report of an inspection, as a description: each prefix, all together, and what a merge would keep."""

from streammerge.dataset.histogram import capped
from streammerge.dataset.spelling import told_apart
from streammerge.inspection.report import (
    DecodingReport,
    InspectionReport,
    NoiseReport,
    PrefixReport,
    Together,
    TwinsReport,
)
from streammerge.planning.sections import images_chart, run_section
from streammerge.report.description import (
    Bars,
    Cell,
    Description,
    Fact,
    Key,
    Number,
    Phrase,
    Row,
    Section,
    Table,
    counts,
    nonzero,
    size,
    warnings,
)
from streammerge.report.gallery import images_section
from streammerge.report.units import counted, percent


def describe(report: InspectionReport) -> Description:
    """All that an inspection says."""
    warned = len(report.warnings)
    return Description(
        title="Inspection",
        verdict=f"found {counted(warned, 'warning')}" if warned else "found nothing unusual",
        role="neutral" if warned else "good",
        sections=[
            *map(_prefix, report.prefixes),
            *([_together(report.together, report.prefixes)] if len(report.prefixes) > 1 else []),
            Section("A merge would keep", tables=[_keeps(report)]),
            *([_twins(report.twins)] if report.twins.names else []),
            *([_noise(report.noise)] if report.noise is not None else []),
            *([_decoding(report.decoding)] if report.decoding is not None else []),
            run_section(report.seconds, report.requests),
            images_section(report.thumbnails),
        ],
        notices=warnings(report.warnings),
        seconds=report.seconds,
    )


def _prefix(prefix: PrefixReport) -> Section:
    lower, median, upper = (Number(quartile, capped) for quartile in prefix.quartiles)
    spread: Phrase = (
        (
            "median ",
            median,
            ", quartiles ",
            lower,
            " and ",
            upper,
            ", mean ",
            Number(prefix.mean),
            ", max ",
            Number(prefix.most),
        )
        if prefix.identities
        else "none"
    )
    single = prefix.single_image_identities
    return Section(
        prefix.name,
        facts=[
            Fact("URL", Key(prefix.url)),
            Fact("Layout", Key(prefix.layout), _layout_note(prefix)),
            Fact(
                "Identities",
                Number(prefix.identities),
                (Number(single), f" with a single image, {percent(single, prefix.identities)}") if single else (),
            ),
            Fact("Images", Number(prefix.images), ("of ", Number(prefix.objects), " objects, ", size(prefix.bytes))),
            Fact("Images per identity", spread),
            Fact("Found in", _places(prefix)),
            *nonzero(
                Fact("Empty images", Number(prefix.zero_byte_images)),
                Fact("Archived images", Number(sum(prefix.archived.values())), counts(prefix.archived)),
            ),
            *([Fact("Not images", _other_files(prefix))] if prefix.other_files else []),
            *(Fact("RecordIO", Key(name)) for name in prefix.recordio),
        ],
        charts=images_chart(prefix.images_per_identity),
        tables=_ignored(prefix),
    )


def _layout_note(prefix: PrefixReport) -> str:
    """Where the layout comes from, and what was found if that is another thing."""
    notes = ["inferred from the file names"] if prefix.layout_proposed else []
    notes += [f"found: {prefix.layout_found}"] if prefix.layout_found != prefix.layout else []
    return ", ".join(notes)


def _places(prefix: PrefixReport) -> Phrase:
    kinds = [(prefix.in_folders, "folders"), (prefix.nested, "nested folders"), (prefix.loose, "no folder")]
    pairs = [(f"{kind}: ", Number(count)) for count, kind in kinds if count]
    cells: list[Cell] = [cell for pair in pairs for cell in (", ", *pair)]
    return tuple(cells[1:]) or "no images"


def _other_files(prefix: PrefixReport) -> Phrase:
    cells: list[Cell] = []
    for kind, count in prefix.other_files.items():
        cells += [", ", Number(count), " ", Key(kind) if kind else "without extension"]
    return tuple(cells[1:])


def _ignored(prefix: PrefixReport) -> list[Table]:
    rows: list[Row] = [
        [reason, Number(count), Key(prefix.examples[reason][0])] for reason, count in prefix.ignored.items()
    ]
    return [Table(["Ignored because", "Objects", "Example"], rows)] if rows else []


def _together(together: Together, prefixes: list[PrefixReport]) -> Section:
    shared = together.shared_identities
    in_several = ("multiple prefixes", Number(shared))
    rows: list[Row] = [
        [
            f"{pair.one}, {pair.other}",
            *map(Number, (pair.identities, pair.same_name, pair.same_content, pair.same_name_and_content)),
        ]
        for pair in together.overlaps
    ]
    return Section(
        "Together",
        facts=[
            Fact("Identities", Number(together.identities)),
            Fact(
                "In multiple prefixes",
                Number(shared),
                percent(shared, together.identities) if shared else (),
            ),
            Fact("Name collisions to rename", Number(together.renamed)),
        ],
        charts=[Bars("Identities", [*((each.name, Number(each.identities)) for each in prefixes), in_several])],
        tables=[Table(["In both", "Identities", "Same name", "Same content", "Same name and content"], rows)],
    )


def _keeps(report: InspectionReport) -> Table:
    return Table(
        ["--min-images", "Identities", "Images", "Only when combined"],
        [[*map(Number, (keep.min_images, keep.identities, keep.images, keep.only_together))] for keep in report.keeps],
    )


def _twins(twins: TwinsReport) -> Section:
    rows: list[Row] = [
        [str(number), Key(shown), ", ".join(each.sources), Number(each.images)]
        for number, spellings in enumerate(twins.examples, 1)
        for shown, each in zip(told_apart([each.identity for each in spellings]), spellings, strict=True)
    ]
    return Section(
        "Identities spelt in several ways",
        facts=[Fact("Identities", Number(twins.identities), ("under ", Number(twins.names), " names"))],
        tables=[Table(["Identity", "Name", "Sources", "Images"], rows)] if rows else [],
    )


def _decoding(decoding: DecodingReport) -> Section:
    rows: list[Row] = [[image.problem, image.source, Key(image.key), image.detail] for image in decoding.examples]
    unread: list[Row] = [[Key(key), why] for key, why in decoding.unread_examples.items()]
    rate = Number(decoding.images_per_second, "{:,.0f} images/s".format)
    return Section(
        "Decoded images",
        facts=[
            Fact("Decoded", Number(decoding.images), (size(decoding.bytes), ", ", rate)),
            Fact("With a problem", Number(decoding.corrupt), percent(decoding.corrupt, decoding.images)),
            *(Fact(kind[0].upper() + kind[1:], Number(count)) for kind, count in decoding.problems.items()),
            *nonzero(Fact("Could not be read", Number(decoding.unread))),
        ],
        tables=[
            *([Table(["Problem", "Source", "Key", "Detail"], rows, decoding.corrupt)] if rows else []),
            *([Table(["Could not be read", "Reason"], unread, decoding.unread)] if unread else []),
        ],
        role="bad" if decoding.corrupt else "neutral",
    )


def _noise(noise: NoiseReport) -> Section:
    rows: list[Row] = [
        [str(number), Key(place.identity), place.source, Key(place.key)]
        for number, places in enumerate(noise.examples, 1)
        for place in places
    ]
    return Section(
        "Same content under different identities",
        facts=[
            Fact("Contents", Number(noise.contents), ("in ", Number(noise.placements), " identities")),
            *nonzero(Fact("Not compared", Number(noise.incomparable), "images whose ETag is not an MD5")),
        ],
        tables=[Table(["Content", "Identity", "Source", "Key"], rows)] if rows else [],
    )
