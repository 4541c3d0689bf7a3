"""Child processes and a scratch directory that end with us, however we end.

Strategy: a Python process cannot promise to clean up after itself. A Ctrl-C can fall between any two bytecodes, a
second one into the cleaning up, and SIGKILL asks nobody. So the promise is kept by somebody else: a small process in a
session of its own (`guard_process.py`), which no Ctrl-C reaches. It makes the directory, starts the servers, and waits
at the far end of a pipe. The kernel closes that pipe with us, whatever killed us; then the guard ends what it started
and removes the directory.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from streammerge.errors import RunError

_PROGRAM = Path(__file__).with_name("guard_process.py")
# Seconds that we give the guard to end everything; it goes on without us if we cannot wait that long.
_CLOSING = 10.0


class Guard:
    """A scratch directory, and the commands started in it; both end with the `with` block, or with this process.

    `below` is where the directory is made (default: the system's place for temporary files).
    """

    def __init__(self, below: Path | None = None) -> None:
        self._process = subprocess.Popen(
            # Without site-packages it is up within milliseconds.
            [sys.executable, "-I", "-S", str(_PROGRAM), *([str(below)] if below else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # The terminal sends Ctrl-C to the whole foreground group: the guard must not be in it.
            start_new_session=True,
        )
        self._asked = 0
        try:
            self.directory = Path(self._answer()["directory"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """The guard is at work from its making on."""
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.close()

    def start(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        litter: Sequence[Path] = (),
    ) -> int:
        """Start a command in a session of its own, its output appended to `log`; give its process id.

        `litter` are files that it leaves outside the directory: they are removed with it.
        """
        reply = self._ask(
            argv=list(argv), log=str(log), env=None if env is None else dict(env), litter=[str(path) for path in litter]
        )
        return int(reply["pid"])

    def status(self, pid: int) -> int | None:
        """The exit status of a command, negative if a signal ended it; None while it runs."""
        status: int | None = self._ask(pid=pid)["status"]
        return status

    def close(self) -> None:
        """End everything. Interrupted or not: the guard does it, we only wait."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout, process.stderr:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(_CLOSING)
            except subprocess.TimeoutExpired:
                process.kill()  # on Linux the kernel ends the servers with it
                process.wait()

    def _ask(self, **request: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._asked += 1
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either, and that is told better
            self._process.stdin.write(json.dumps({"number": self._asked, **request}) + "\n")
            self._process.stdin.flush()
        reply = self._answer()
        if "error" in reply:
            raise RunError(str(reply["error"]))
        return reply

    def _answer(self) -> dict[str, Any]:
        """The answer to the last question; answers that an interrupted caller never read come before it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            reply: dict[str, Any] = json.loads(line)
            if reply["number"] == self._asked:
                return reply
        assert self._process.stderr is not None
        raise RunError(
            f"The process that guards the local server ended by itself: {self._process.stderr.read().strip()}"
        )
