"""An inspection as text, for people: each prefix, then all of them together, then what needs attention."""

from streammerge.core.folding import folded
from streammerge.core.histogram import Bar, bars, capped
from streammerge.core.inspected import InspectionReport, NoiseReport, PrefixReport, Together
from streammerge.core.keys import printable
from streammerge.core.rendering import counted, human_bytes

_RULE = "=" * 60
_WIDTH = 40  # characters of the longest bar
_SHOWN = 5  # examples; the JSON has more


def render_inspection(report: InspectionReport) -> str:
    """The report as text, for people."""
    lines = [_RULE, "INSPECTION", _RULE]
    for prefix in report.prefixes:
        lines += [*_prefix(prefix), ""]
    if len(report.prefixes) > 1:
        lines += [*_together(report.together), ""]
    lines += ["A merge would keep"]
    for keep in report.keeps:
        kept = f"{counted(keep.identities, 'identity')} with {counted(keep.images, 'image')}"
        joint = f", {keep.only_together:,} of them only together" if keep.only_together else ""
        lines.append(folded(f"  at --min-images {keep.min_images}: {kept}{joint}"))
    if report.noise is not None:
        lines += ["", *_noise(report.noise)]
    lines += ["", *(folded(f"Warning: {warning}") for warning in report.warnings)] if report.warnings else []
    return "\n".join(lines)


def _prefix(prefix: PrefixReport) -> list[str]:
    lower, median, upper = map(capped, prefix.quartiles)
    half = lower if lower == upper else f"{lower} to {upper}"
    middle = "1 image" if median == "1" else f"{median} images"
    spread = f"{middle} at the median, {half} in the middle half"
    lines = [
        f"{prefix.name}  {printable(prefix.url)}",
        folded(f"  Layout:      {_layout(prefix)}"),
        f"  Identities:  {prefix.identities:,}, {prefix.single_image_identities:,} of them with a single image",
        f"  Images:      {prefix.images:,} of {prefix.objects:,} objects, {human_bytes(prefix.bytes)}",
        folded(f"  An identity: {spread}, {prefix.mean:,} on average, {prefix.most:,} at most"),
        *_bars(bars(prefix.images_per_identity)),
        f"  Ignored:     {sum(prefix.ignored.values()):,}",
    ]
    for reason, count in prefix.ignored.items():
        lines.append(f"    {count:,} {reason}, such as {printable(prefix.examples[reason][0])}")
    if prefix.strays:
        kinds = (f"{count:,} {printable(kind) or 'without an extension'}" for kind, count in prefix.strays.items())
        lines.append(folded(f"  No images:   {', '.join(kinds)}"))
    return lines


def _layout(prefix: PrefixReport) -> str:
    """What it is counted by, what it was found to be if that is another thing, and where the images are."""
    said = ["proposed from the names"] if prefix.layout_proposed else []
    said += [f"found {prefix.layout_found}"] if prefix.layout_found != prefix.layout else []
    places = [(prefix.in_folders, "folders"), (prefix.nested, "folders of folders"), (prefix.loose, "no folder")]
    found = ", ".join(f"{counted(count, 'image')} in {where}" for count, where in places if count)
    layout = printable(prefix.layout) + (f" ({', '.join(said)})" if said else "")
    return f"{layout}; {found}" if found else layout


def _bars(found: list[Bar]) -> list[str]:
    if not found:
        return []
    longest = max(bar.identities for bar in found)
    label = max(len(bar.label) for bar in found)
    count = max(len(f"{bar.identities:,}") for bar in found)
    return [
        f"    {bar.label:>{label}}  {bar.identities:>{count},} {'#' * -(-bar.identities * _WIDTH // longest)}".rstrip()
        for bar in found
    ]


def _together(together: Together) -> list[str]:
    identities = counted(together.identities, "identity")
    lines = [
        f"Together: {identities}, {together.shared_identities:,} of them in several prefixes",
        f"  images to rename, their name being taken: {together.renamed:,}",
    ]
    for pair in together.overlaps:
        lines.append(f"  {pair.one} and {pair.other}: {counted(pair.identities, 'identity')} in both")
        names, contents, both = pair.same_name, pair.same_content, pair.same_name_and_content
        lines.append(f"    images of the same name: {names:,}, of the same content: {contents:,}, of both: {both:,}")
    return lines


def _noise(noise: NoiseReport) -> list[str]:
    found = f"{counted(noise.contents, 'content')}, in {noise.placements:,} places" if noise.contents else "none"
    lines = [f"Same content under different identities: {found}"]
    lines += [
        "  " + "  =  ".join(f"{place.source}: {printable(place.key)}" for place in places[:_SHOWN])
        for places in noise.examples[:_SHOWN]
    ]
    if noise.incomparable:
        lines.append(f"  not compared: {counted(noise.incomparable, 'image')} whose ETag is no MD5")
    return lines
