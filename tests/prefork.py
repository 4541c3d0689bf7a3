"""Forks commands from a process that has everything imported: 0.2 seconds of CPU each, where a new Python takes 1.2.

What runs is a process of its own all the same, with its own arguments, environment, directory and streams; it ends by
the interpreter's usual way. A server process accepts requests on a socket. For each it forks a monitor, which forks the
command, and says its pid and then its status.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing.connection import wait  # unlike select.select, takes descriptors above 1,023
from pathlib import Path
from typing import Any, NoReturn

_NUMBER = struct.Struct("i")
_BOUND = 60.0  # seconds for the server to import everything


def fits(env: Mapping[str, str]) -> bool:
    """Whether a fork can have an environment: some variables are read as Python starts, before there is a fork."""
    ours = {name for name in {*env, *os.environ} if name.startswith(("PYTHON", "LC_", "LANG", "MALLOC_"))}
    same = all(env.get(name) == os.environ.get(name) for name in ours - {"PYTHONUNBUFFERED"})
    return same and sys.platform == "linux"


class Forked(subprocess.Popen[str]):
    """A Popen whose command is `streammerge`, forked. Its arguments are those of the command, in `args`."""

    def _execute_child(self, args: Any, *rest: Any) -> None:  # called by Popen, which has opened the pipes
        cwd, env, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite = (*rest[4:6], *rest[9:15])
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(_server())
        request = {"args": list(args), "env": dict(env or os.environ), "cwd": str(cwd or Path.cwd())}
        socket.send_fds(self._connection, [b"x"], [p2cread, c2pwrite, errwrite])
        self._connection.sendall(json.dumps(request, ensure_ascii=True).encode() + b"\n")
        (self.pid,) = _NUMBER.unpack(_read(self._connection, _NUMBER.size))
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if wait_flags & os.WNOHANG and not wait([self._connection], 0):
            return 0, 0
        (status,) = _NUMBER.unpack(_read(self._connection, _NUMBER.size))
        self._connection.close()
        return self.pid, status

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


_COMMAND = """#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({path!r})
socket.send_fds(connection, [b"x"], [0, 1, 2])
request = {{"args": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
connection.sendall(json.dumps(request).encode() + b"\\n")
with connection.makefile("rb") as answers:
    answers.read({size})
    sys.exit(os.waitstatus_to_exitcode(int.from_bytes(answers.read({size}), sys.byteorder)))
"""


def path_with_command(folder: Path) -> str:
    """A PATH for shells in which `streammerge` is a command: one that forks, of which signals reach only the shell."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if not fits(os.environ):
        return path
    command = folder / "forking" / "streammerge"
    command.parent.mkdir()
    command.write_text(_COMMAND.format(python=sys.executable, path=_server(), size=_NUMBER.size), "utf-8")
    command.chmod(0o700)
    return os.pathsep.join([str(command.parent), path])


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = connection.recv(size - len(found))
        assert piece, "the server of forks is gone"
        found += piece
    return found


@cache
def _server() -> str:
    """Start the server, which ends with this process; the path of its socket."""
    path = str(Path(tempfile.mkdtemp(prefix="forks-")) / "socket")
    process = subprocess.Popen(  # whose streams are pipes, as those of a command will be: Python asks at its start
        [sys.executable, __file__, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert wait([process.stdout.fileno()], _BOUND), "the server of forks does not start"
    assert process.stdout.readline() == b"ready\n"
    _kept.append(process)  # its stdin closes with us, which ends it
    return path


_kept: list[Any] = []


def _serve(path: str) -> None:
    _import_everything()
    from streammerge.cli import main  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        gc.collect()
        gc.freeze()
        sys.stdout.write("ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # monitors are not waited for
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            if sys.stdin.fileno() in wait([sys.stdin.fileno(), listening]):
                return
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _monitor(connection, main)
            connection.close()


def _import_everything() -> None:
    """Import all that commands need, and read botocore's model of S3, once for all of them."""
    import aioboto3  # noqa: PLC0415, F401
    import botocore.session  # noqa: PLC0415
    import uvloop  # noqa: PLC0415, F401

    import streammerge  # noqa: PLC0415
    from streammerge.s3.credentials import open_session  # noqa: PLC0415
    from streammerge.s3.options import Options  # noqa: PLC0415

    for module in pkgutil.walk_packages(streammerge.__path__, "streammerge."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    session = botocore.session.Session()
    session.register_component("data_loader", open_session(Options()).get_component("data_loader"))
    unused = {"region_name": "us-east-1", "aws_access_key_id": "unused", "aws_secret_access_key": "unused"}
    session.create_client("s3", **unused).close()


def _monitor(connection: socket.socket, main: Callable[[], int]) -> NoReturn:
    """In a fork of the server: start the command, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as lines:
        request = json.loads(lines.readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["streammerge", *request["args"]]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(main())
    for stream in streams:
        os.close(stream)
    connection.sendall(_NUMBER.pack(pid))
    connection.sendall(_NUMBER.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
