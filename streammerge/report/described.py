"""The base of all reports: text, page and notebook output from a description."""

from typing import TYPE_CHECKING

from streammerge.report.text import render_text

if TYPE_CHECKING:
    from streammerge.report.description import Description


class Described:
    """A report. `str()` is its text; a notebook shows its page."""

    __slots__ = ()

    def describe(self) -> "Description":
        """All that the report says."""
        raise NotImplementedError

    def __str__(self) -> str:
        return render_text(self.describe())

    def to_html(self, *, command: str = "") -> str:
        """The report as an HTML page that loads nothing. command: the command that made it, without credentials."""
        from streammerge.report.html import render_page  # noqa: PLC0415 - brings jinja2, which --help need not load

        return render_page(self.describe(), command=command)

    def _repr_html_(self) -> str:
        from streammerge.report.html import render_frame  # noqa: PLC0415

        return render_frame(self.describe())
