"""Terminal colours for the roles of a description."""

import click

_COLOURS = {"good": "green", "bad": "red", "error": "red", "warning": "yellow", "neutral": None}


def styled(text: str, role: str, *, colour: bool) -> str:
    """A text in the style of its role (good, bad, neutral, warning, error), if there are colours."""
    return click.style(text, fg=_COLOURS[role], bold=True) if colour else text
