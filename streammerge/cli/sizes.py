"""Sizes as people write them, for options that take bytes."""

import re

import click

_UNITS = {"": 1} | {
    f"{prefix}{binary}b": (1024 if binary else 1000) ** power
    for power, prefix in enumerate(("", "k", "m", "g", "t"))
    for binary in (("", "i") if prefix else ("",))
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)


def parse_size(text: str) -> int:
    """The bytes of `8388608`, `8 MiB` (powers of 1,024) or `8MB` (powers of 1,000), in any case, rounded down.

    Raises BadParameter where it is not a size.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise click.BadParameter(
            f"{text!r} is not a size: write a number of bytes, or one with a unit, as in 512MiB or 5GB"
        )
    number, unit = found[1], _UNITS[found[2]]
    return int(number) * unit if "." not in number else int(float(number) * unit)


def describe_size(size: int) -> str:
    """A number of bytes as `parse_size` reads it, in the largest unit of powers of 1,024 that divides it."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power} {unit}"
    return str(size)
