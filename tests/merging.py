"""A merge of sources on a server, run by the real command and compared with the oracle."""

from dataclasses import dataclass
from typing import Any

from command import Ended, streammerge
from oracle import Object, Source, contents
from servers import Server


@dataclass(frozen=True, slots=True)
class Merging:
    """Sources on a server, and what a merge of them must result in."""

    server: Server
    client: Any
    bucket: str
    sources: list[Source]
    expected: dict[str, Object]

    def arguments(self, into: str, *more: str) -> list[str]:
        """What to run."""
        sources = (source.argument for source in self.sources)
        return ["merge", *sources, "--into", f"s3://{self.bucket}/{into}", "--json", *more]

    def merge(self, into: str, *more: str) -> Ended:
        """Run it to its end."""
        return streammerge(*self.arguments(into, *more), server=self.server)

    def count(self, into: str) -> int:
        """How many objects are at the destination."""
        return len(contents(self.client, self.bucket, into))

    def is_right(self, into: str) -> bool:
        """Whether the destination holds exactly what it must."""
        there = contents(self.client, self.bucket, into)
        return there == {below: (found.size, found.etag) for below, found in self.expected.items()}
