"""An inspection as text, for people: each prefix, then all of them together, then what needs attention."""

from streammerge.core.histogram import Bar, bars
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
        joint = f"; {counted(keep.only_together, 'identity')} of these only together" if keep.only_together else ""
        lines.append(f"  at --min-images {keep.min_images}: {kept}{joint}")
    if report.noise is not None:
        lines += ["", *_noise(report.noise)]
    lines += ["", *(f"Warning: {warning}" for warning in report.warnings)] if report.warnings else []
    return "\n".join(lines)


def _prefix(prefix: PrefixReport) -> list[str]:
    by = prefix.layout_found + (", layout proposed from the names" if prefix.layout_proposed else "")
    lower, median, upper = prefix.quartiles
    found = f"images in folders {prefix.in_folders:,}, deeper {prefix.nested:,}, loose {prefix.loose:,}"
    half = f"{lower:,}" if lower == upper else f"{lower:,} to {upper:,}"
    spread = f"{counted(median, 'image')} at the median, {half} in the middle half"
    lines = [
        f"{prefix.name}  {printable(prefix.url)}",
        f"  Layout:      {printable(prefix.layout)} ({by}); {found}",
        f"  Identities:  {prefix.identities:,}, {prefix.single_image_identities:,} of them with a single image",
        f"  Images:      {prefix.images:,} of {prefix.objects:,} objects, {human_bytes(prefix.bytes)}",
        f"  An identity: {spread}, {prefix.mean:,} on average, {prefix.most:,} at most",
        *_bars(bars(prefix.images_per_identity)),
        f"  Ignored:     {sum(prefix.ignored.values()):,}",
    ]
    for reason, count in prefix.ignored.items():
        lines.append(f"    {count:,} {reason}, such as {printable(prefix.examples[reason][0])}")
    if prefix.strays:
        kinds = ", ".join(f"{count:,} {printable(kind) or 'without'}" for kind, count in prefix.strays.items())
        lines.append(f"  No images:   {kinds} (by extension)")
    return lines


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
        lines.append(f"  {pair.one} and {pair.other}: identities in both: {pair.identities:,}")
        names, contents, both = pair.same_name, pair.same_content, pair.same_name_and_content
        lines.append(f"    images of the same name: {names:,}, of the same content: {contents:,}, of both: {both:,}")
    return lines


def _noise(noise: NoiseReport) -> list[str]:
    lines = [f"Same content under different identities: {noise.contents:,}, in {noise.placements:,} places"]
    lines += [
        "  " + "  =  ".join(f"{place.source}: {printable(place.key)}" for place in places[:_SHOWN])
        for places in noise.examples[:_SHOWN]
    ]
    if noise.incomparable:
        lines.append(f"  not compared: {counted(noise.incomparable, 'image')} whose ETag is no MD5")
    return lines
