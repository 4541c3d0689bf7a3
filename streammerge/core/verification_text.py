"""A verification as text, for people: the verdict first, then what speaks for it, then what is wrong."""

from streammerge.core.extras import describe, recordio_warning
from streammerge.core.folding import folded
from streammerge.core.keys import printable
from streammerge.core.rendering import counted, describe_sources, human_bytes, human_time
from streammerge.core.verification import BYTES, ETAG, JOURNAL, MISSING, Verification

_RULE = "=" * 60
_SHOWN = 3  # examples; the JSON has more
PROVEN_BY = {ETAG: "ETag", JOURNAL: "journal", BYTES: "SHA-256 of the bytes"}


def render_verification(found: Verification) -> str:
    """The verification as text, for people."""
    title = "VERIFIED" if found.exact else "VERIFICATION FOUND DIFFERENCES"
    planned = f"{counted(found.images, 'image')} of {counted(found.identities, 'identity')}"
    lines = [
        *(_RULE, title, _RULE),
        *describe_sources(found.sources),
        f"Destination:   {found.destination}",
        f"Planned:       {planned} ({human_bytes(found.bytes)})",
        f"Right:         {found.right:,}",
        *(f"  {count:,} proven by {PROVEN_BY[proof]}" for proof, count in found.proven.items()),
    ]
    if found.unproven:
        lines.append(
            folded(
                f"  {found.unproven:,} unproven: their size is right and they are not older than their source, and no "
                "ETag can tell more. --deep compares bytes"
            )
        )
    examples: dict[str, list[str]] = {}
    for difference in found.differences:
        examples.setdefault(difference.reason, []).append(difference.target)
    lines.append(f"Missing:       {found.missing:,}")
    lines += [f"  {printable(target)}" for target in examples.get(MISSING, [])[:_SHOWN]]
    lines.append(f"Different:     {found.different:,}")
    lines += describe(found.different_reasons, examples)
    lines.append(f"Extra:         {found.extra:,} at the destination outside the plan")
    lines += describe(found.extra_reasons, found.extra_examples)
    lines += recordio_warning(found.recordio) + _deep(found)
    requests = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.requests.items()))
    lines.append(f"Took:          {human_time(found.seconds)}; requests: {requests}")
    return "\n".join(lines + _mending(found))


def _mending(found: Verification) -> list[str]:
    if not (found.missing or found.different or found.extra):
        return []
    parts = ["run merge with the same arguments"]
    if found.different:
        parts.append("--if-exists overwrite to replace what is different")
    if found.extra:
        parts.append("--prune to remove what is extra")
    return [folded(f"To mend it:    {', '.join(parts)}")]


def _deep(found: Verification) -> list[str]:
    lines = []
    if found.compared:
        lines.append(f"Compared:      {found.compared:,} by their bytes ({human_bytes(found.bytes_read)} read)")
    if found.unreadable:
        lines.append(f"Not compared:  {found.unreadable:,} that were to be, and could not be read")
        lines += [f"  {why}" for why in list(found.unreadable_examples.values())[:_SHOWN]]
    return lines
