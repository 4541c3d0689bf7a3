"""Whether the labels of a job mean what a merge takes them for: equal ones one identity, unequal ones several."""

from collections.abc import Callable, Sequence

from streammerge.dataset.objects import Identity, Image
from streammerge.dataset.source import Source
from streammerge.planning.labels import SharedLabels
from streammerge.planning.twins import Spelling, Spellings, Twins

_UNITE = "To unite them, begin from the map of `plan --identity-map-template FILE`"


class LabelCheck:
    """Warns by the beginnings of listings, while a run can still be stopped, and by all of them at its end.

    warn: shows a warning and puts it in the report. mapped: an identity map gives identities other names.
    """

    def __init__(self, sources: Sequence[Source], warn: Callable[[str], None], *, mapped: bool = False) -> None:
        self._sources = sources
        self._warn = warn
        self._mapped = mapped
        self._said: list[str] = []
        self._examples: list[list[Spelling]] = []
        self.shared = SharedLabels(sources)
        self.twins = Twins(bounded=True)

    def before(self, pages: Sequence[Sequence[Image]]) -> None:
        """Judge by the first images of each source, which have their identities for names."""
        shared, twins, identities = SharedLabels(self._sources), Twins(), _identities(pages)
        for identity in identities:
            shared.add(identity)
            twins.add(identity.name)
        spellings = Spellings(twins.digests(), [source.name for source in self._sources])
        for identity in identities:
            spellings.look(identity)
        self._examples = [] if self._mapped else spellings.groups()
        self._said = [*shared.warnings(), *(self._of(twins) if self._examples else [])]
        for warning in self._said:
            self._warn(warning)

    def note(self, identities: Sequence[Identity], shared: Sequence[Identity]) -> None:
        """Take note of identities, and of those among them that several sources have."""
        self.twins.add(*[identity.name for identity in identities])
        for identity in shared:
            self.shared.add(identity)

    def after(self, warnings: list[str]) -> None:
        """Judge again; what is said now replaces in `warnings` what was said before."""
        warnings[:] = [warning for warning in warnings if warning not in self._said]
        found = self.shared.warnings() + self._of(self.twins)
        if self._said:  # and shown
            warnings += found
        else:
            for warning in found:
                self._warn(warning)

    def _of(self, twins: Twins) -> list[str]:
        warning = twins.warning(_UNITE, self._examples)
        return [] if warning is None else [warning]


def _identities(pages: Sequence[Sequence[Image]]) -> list[Identity]:
    members: dict[str, list[list[Image]]] = {}
    for number, images in enumerate(pages):
        for image in images:
            members.setdefault(image.name, [[] for _ in pages])[number].append(image)
    return [Identity(name, images) for name, images in members.items()]
