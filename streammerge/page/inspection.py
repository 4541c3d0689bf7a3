"""The content of an inspection's page."""

from collections.abc import Iterator

from streammerge.core.histogram import capped
from streammerge.core.inspected import InspectionReport, NoiseReport, PrefixReport
from streammerge.core.rendering import human_bytes
from streammerge.page.content import Cell, Chart, Content, Figures, Section, Table, key
from streammerge.page.parts import histogram


def inspection_content(report: InspectionReport) -> Content:
    """What stands on it."""
    figures = Figures(report.to_json())
    sections = [
        Section("Where", tables=[_where(report, figures)]),
        *(_prefix(number, prefix, figures) for number, prefix in enumerate(report.prefixes)),
        Section("What a merge would keep", tables=[_keeps(report, figures)]),
    ]
    if len(report.prefixes) > 1:
        sections.insert(-1, _overlap(report, figures))
    if report.noise is not None:
        sections.append(_noise(report.noise, figures))
    warned = len(report.warnings)
    verdict = "nothing odd" if not warned else f"{warned} warning" if warned == 1 else f"{warned} warnings"
    return Content("Inspection", verdict, not warned, report.warnings, sections)


def _where(report: InspectionReport, figures: Figures) -> Table:
    return Table(
        ["Name", "Prefix", "Found", "Counted by", "Identities", "Images", "Size"],
        [
            [
                prefix.name,
                key(prefix.url),
                prefix.layout_found,
                key(prefix.layout),
                figures("prefixes", number, "identities"),
                figures("prefixes", number, "images"),
                figures("prefixes", number, "bytes", form=human_bytes),
            ]
            for number, prefix in enumerate(report.prefixes)
        ],
    )


def _prefix(number: int, prefix: PrefixReport, figures: Figures) -> Section:
    def fact(*path: str | int) -> Cell:
        return figures("prefixes", number, *path)

    def quartile(which: int) -> Cell:
        return figures("prefixes", number, "quartiles", which, form=capped)

    return Section(
        prefix.name,
        facts=[
            ("identities", fact("identities")),
            ("images", fact("images")),
            ("with a single image", fact("single_image_identities")),
            ("images of an identity, on average", fact("mean")),
            ("a quarter of them has at most", quartile(0)),
            ("half of them have at most", quartile(1)),
            ("three quarters have at most", quartile(2)),
            ("the largest has", fact("most")),
            ("images in folders", fact("in_folders")),
            ("in folders of folders", fact("nested")),
            ("in no folder", fact("loose")),
            ("without a byte", fact("zero_byte_images")),
        ],
        charts=histogram(prefix.images_per_identity),
        tables=list(_left_out(number, prefix, figures)),
        notes=[f"RecordIO at the root: {key(name).text}" for name in prefix.recordio],
    )


def _left_out(number: int, prefix: PrefixReport, figures: Figures) -> Iterator[Table]:
    if prefix.ignored:
        yield Table(
            ["Ignored", "Objects", "Such as"],
            [
                [reason, figures("prefixes", number, "ignored", reason), key(prefix.examples[reason][0])]
                for reason in prefix.ignored
            ],
        )
    if prefix.strays:
        yield Table(
            ["No images, by extension", "Objects"],
            [[key(kind or "none"), figures("prefixes", number, "strays", kind)] for kind in prefix.strays],
        )


def _overlap(report: InspectionReport, figures: Figures) -> Section:
    together = report.together
    return Section(
        "Overlap",
        facts=[
            ("identities in all", figures("together", "identities")),
            ("in several prefixes", figures("together", "shared_identities")),
            ("images to rename", figures("together", "renamed")),
        ],
        charts=[
            Chart(
                "Identities",
                [
                    *((prefix.name, prefix.identities) for prefix in report.prefixes),
                    ("in several", together.shared_identities),
                ],
            )
        ],
        tables=[
            Table(
                ["In both", "Identities", "Images of the same name", "of the same content", "of both"],
                [
                    [
                        f"{pair.one}, {pair.other}",
                        *(
                            figures("together", "overlaps", number, name)
                            for name in ("identities", "same_name", "same_content", "same_name_and_content")
                        ),
                    ]
                    for number, pair in enumerate(together.overlaps)
                ],
            )
        ],
    )


def _keeps(report: InspectionReport, figures: Figures) -> Table:
    return Table(
        ["--min-images", "Identities", "Images", "Identities that reach it only together"],
        [
            [figures("keeps", number, name) for name in ("min_images", "identities", "images", "only_together")]
            for number in range(len(report.keeps))
        ],
    )


def _noise(noise: NoiseReport, figures: Figures) -> Section:
    examples = Table(
        ["Content", "Identity", "Prefix", "Key"],
        [
            [str(number), key(place.identity), place.source, key(place.key)]
            for number, places in enumerate(noise.examples, 1)
            for place in places
        ],
    )
    return Section(
        "Same content under different identities",
        facts=[
            ("contents", figures("noise", "contents")),
            ("places", figures("noise", "placements")),
            ("images not compared", figures("noise", "incomparable")),
        ],
        tables=[examples] if noise.examples else [],
    )
