"""Continuation tokens of a listing; detects a server that repeats one."""

from streammerge.errors import RunError


class Continuation:
    """The tokens of a listing, watched for circles: each is compared with one that is replaced ever more rarely.

    That is Brent's algorithm: it finds a circle of any length, and keeps one token.
    """

    def __init__(self) -> None:
        self._kept = ""
        self._since = 0
        self._until = 1

    def follow(self, token: str, what: str) -> None:
        """Go on to a token. Raises RunError where it has come before, perhaps not the first time; `what` is named."""
        if token == self._kept:
            raise RunError(f"{what}: the server goes round in circles: it said to go on where it had been")
        self._since += 1
        if self._since == self._until:
            self._kept, self._since, self._until = token, 0, 2 * self._until
