"""Formats counts, shares, sizes, durations and money for people."""

_KILO, _SIXTY, _CENT, _PERMILLE = 1000, 60, 0.01, 0.001


def commas(value: float) -> str:
    """A number with separators between its thousands."""
    return f"{value:,}"


def counted(count: int, what: str) -> str:
    """A number of things: `1 identity`, `2 identities`, `1,000 images`."""
    if count == 1:
        return f"1 {what}"
    return f"{count:,} {what[:-1]}ies" if what.endswith("ty") else f"{count:,} {what}s"


def percent(part: float, whole: float) -> str:
    """A share of a whole; only all of it is shown as 100%, and only nothing as 0%."""
    if not part or not whole:
        return "0%"
    share = part / whole
    if share < _PERMILLE:
        return "<0.1%"
    return "100%" if share == 1 else f"{min(share, 1 - _PERMILLE):.1%}"


def human_usd(amount: float) -> str:
    """An amount of money to the cent; one above zero is never shown as zero."""
    return "less than $0.01" if 0 < amount < _CENT else f"${amount:,.2f}"


def human_bytes(count: float) -> str:
    """A number of bytes in the unit that suits it, powers of 1,000."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if round(value, 1) < _KILO:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
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
