"""Writes files into a directory, and never outside it.

Strategy: the directory is opened once, and from there on every name is looked up relative to the folder that was
opened before it, component by component, with O_NOFOLLOW. So no link inside the directory, not even one that is put
there while a run goes on, leads a write out of it: a path is not checked and then opened, its opening is the check.
What is written has a temporary name in the directory itself until it is whole, and is then renamed, which replaces a
link under the final name and never follows it.

Nothing is synced to the disk file by file: that costs a thousand times what a small file does. A crash of the machine,
not of the process, may so leave files short, which the next run's check of sizes finds, or very rarely with holes,
which `--check md5` finds.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from streammerge.errors import ObjectError, UsageError
from streammerge.manifest.wanted import Found
from streammerge.pulling.file_threads import FileThreads
from streammerge.pulling.file_writing import MILLISECOND, meaning, set_time, write_all
from streammerge.pulling.paths import FAILED, TEMPORARY, FileSystem

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Directory:
    """An open directory. `with open_folder(…)` is how to have one."""

    def __init__(self, path: Path, root: int) -> None:
        self.path = path
        self.file_system = FileSystem()
        self._root = root
        self._run = secrets.token_hex(4)  # in the names of what it has not finished: another run's are not its own
        self._numbers = itertools.count()
        self.work = FileThreads()

    def close(self) -> None:
        """Wait for what threads still do, and let go."""
        self.work.close()
        os.close(self._root)

    def free(self) -> tuple[int, int, int]:
        """Bytes and files that still fit, and the bytes of a block."""
        found = os.statvfs(self._root)
        files = found.f_favail if found.f_files else 1 << 62  # some file systems do not count
        return found.f_bavail * found.f_frsize, files, found.f_frsize

    def walk(self) -> Iterator[Found]:
        """All files in the directory; no link is followed. Raises UsageError where a folder cannot be read."""
        with _telling(self.path):
            yield from self._walk(os.dup(self._root), "")

    def _walk(self, opened: int, below: str) -> Iterator[Found]:
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    path = below + entry.name
                    try:
                        info = entry.stat(follow_symlinks=False)
                        is_folder = stat.S_ISDIR(info.st_mode)
                        folder = os.open(entry.name, _OPEN_FOLDER, dir_fd=opened) if is_folder else None
                    except FileNotFoundError:
                        continue  # somebody has removed it meanwhile
                    if folder is not None:
                        yield from self._walk(folder, path + "/")
                        continue
                    identity, _, name = path.partition("/") if below else ("", "", path)
                    size = info.st_size if stat.S_ISREG(info.st_mode) else -1
                    yield Found(identity, name, size, info.st_mtime_ns // MILLISECOND)
        finally:
            os.close(opened)

    def classes(self) -> list[str]:
        """The folders that ImageFolder takes for classes, in no order; it follows links."""
        with os.scandir(self._root) as entries:
            return [entry.name for entry in entries if entry.is_dir()]

    def relative(self, paths: Iterable[Path]) -> list[str]:
        """Those of some paths that lie in the directory, as seen from there."""
        here = self.path.resolve()
        resolved = [path.resolve() for path in paths]
        return [str(path.relative_to(here)) for path in resolved if path.is_relative_to(here)]

    def remove(self, name: str) -> None:
        """Remove a file at the top. Raises UsageError where it cannot be."""
        with _telling(self.path / name):
            os.unlink(name, dir_fd=self._root)

    def put_aside(self, name: str) -> str:
        """Rename a file at the top, over no other one; returns its new name. Raises UsageError where it cannot be."""
        with _telling(self.path / name):
            for aside in (f"{name}.stale", *(f"{name}.stale-{number}" for number in range(2, 1000))):
                try:
                    os.stat(aside, dir_fd=self._root, follow_symlinks=False)
                except FileNotFoundError:
                    os.rename(name, aside, src_dir_fd=self._root, dst_dir_fd=self._root)
                    return aside
        raise UsageError(f"cannot rename {self.path / name}: there are too many files like {aside}")

    async def confirm(self, path: str, md5: str, time: int | None) -> bool:
        """Whether a file can be read and has that MD5, in hex digits; if so it also gets that time (`set_time`)."""
        return await self.work.do(lambda: self._confirm(path, md5, time))

    def _confirm(self, path: str, md5: str, time: int | None) -> bool:
        try:
            with self._opened(path) as (folder, name):
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            with os.fdopen(file, "rb") as body:
                digest = hashlib.file_digest(body, lambda: hashlib.md5(usedforsecurity=False))
                right = digest.hexdigest() == md5
                if right:
                    set_time(file, time)
                return right
        except OSError:
            return False

    async def read(self, path: str, size: int) -> bytes:
        """The beginning of a file, at most `size` bytes of it. Raises ObjectError where it cannot be read."""
        try:
            return await self.work.do(lambda: self._read(path, size))
        except OSError as error:
            raise ObjectError(f"cannot read {self.path / path}: {error.strerror}", code="OSError") from error

    def _read(self, path: str, size: int) -> bytes:
        with self._opened(path) as (folder, name):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        with os.fdopen(file, "rb") as body:
            return body.read(size)

    async def put(self, path: str, read: Callable[[], Iterable[bytes | memoryview]], time: int | None) -> None:
        """Write a file, whole or not at all, in one hop to a thread; what was begun ends though it is cancelled.

        read: its content in pieces, asked for in the thread. time: when that was written (`set_time`).
        Raises ObjectError where its name is not to be had, IncompleteError where no file can be written any more, and
        what `read` raises.
        """
        try:
            await self.work.do(lambda: self._put(path, read(), time))
        except OSError as error:
            raise meaning(path, error) from error

    def _put(self, path: str, pieces: Iterable[bytes | memoryview], time: int | None) -> None:
        temporary, file = self.create()
        try:
            try:
                for piece in pieces:
                    write_all(file, piece)
                set_time(file, time)
            finally:
                os.close(file)
            self.rename(temporary, path)
        except BaseException:
            self.discard(temporary)
            raise

    @contextlib.contextmanager
    def _opened(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The folder that a path lies in, opened, and the path's last component."""
        *folders, name = path.split("/")
        opened = self._root
        try:
            for depth in range(1, len(folders) + 1):
                above, opened = opened, _descend(opened, "/".join(folders[:depth]), make=make)
                self._let_go(above)
            yield opened, name
        finally:
            self._let_go(opened)

    def _let_go(self, opened: int) -> None:
        if opened != self._root:
            os.close(opened)

    def create(self) -> tuple[str, int]:
        """A new file under a temporary name: the name, and the file opened."""
        name = f"{TEMPORARY}{self._run}-{next(self._numbers)}"
        return name, os.open(name, _NEW, 0o666, dir_fd=self._root)

    def read_lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file at the top; none where it cannot be read."""
        with contextlib.suppress(OSError), os.fdopen(self._open_at_top(name), "rb") as file:
            yield from file

    def _open_at_top(self, name: str) -> int:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._root)

    def write_lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Write a file at the top anew, or remove it if there are no lines; where that fails it stays as it is."""
        temporary = ""
        with contextlib.suppress(OSError):
            temporary, file = self.create()
            with os.fdopen(file, "wb") as writing:
                writing.writelines(lines)
            if os.stat(temporary, dir_fd=self._root).st_size:
                self.rename(temporary, name)
            else:
                self.discard(name)
        self.discard(temporary)

    def rename(self, temporary: str, path: str) -> None:
        """Give a file that is whole its final name, making the folders above it."""
        with self._opened(path, make=True) as (folder, name):
            os.replace(temporary, name, src_dir_fd=self._root, dst_dir_fd=folder)

    def discard(self, temporary: str) -> None:
        """Remove a file that is not whole, if it is there."""
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=self._root)


def _descend(opened: int, path: str, *, make: bool) -> int:
    """Open the last folder of a path in the one above it. An OSError has the path for its filename."""
    folder = path.rpartition("/")[2]
    try:
        return os.open(folder, _OPEN_FOLDER, dir_fd=opened)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        error.filename = path
        raise
    with contextlib.suppress(FileExistsError):  # another thread was quicker
        os.mkdir(folder, dir_fd=opened)
    return os.open(folder, _OPEN_FOLDER, dir_fd=opened)


@contextlib.contextmanager
def open_directory(path: Path) -> Iterator[Directory]:
    """Open a directory for one run, creating it if needed; one that was created and stays empty is removed at the end.

    Files that an earlier run left unfinished are removed, unless they may be those of another that goes on.
    Raises UsageError where it cannot be made, read or written.
    """
    with _telling(path):
        made = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    folder = Directory(path, root)
    try:
        alone = _lock(path, root)
        with _telling(path):
            with os.scandir(root) as entries:
                names = [entry.name for entry in entries]
                unfinished = [name for name in names if name.startswith(TEMPORARY) and name != FAILED]
            for name in unfinished if alone else ():
                folder.discard(name)
            folder.file_system = _examine(folder, root)
        yield folder
    finally:
        folder.close()
        if made:
            with contextlib.suppress(OSError):  # it has something in it
                path.rmdir()


def _lock(path: Path, root: int) -> bool:
    """Whether no other run is at work here; False where the file system has no locks, so that none can know."""
    try:
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"another pull is running in {path}: wait for it to finish") from error
    except OSError:
        return False
    return True


def _examine(folder: Directory, root: int) -> FileSystem:
    """Try how names are taken, and whether files can be made at all."""
    name, file = folder.create()
    os.close(file)
    try:
        os.stat(name.upper(), dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        return FileSystem(tells_case=True, backslash_separates=os.sep == "\\")
    else:
        return FileSystem(tells_case=False, backslash_separates=os.sep == "\\")
    finally:
        folder.discard(name)


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "it is not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise UsageError(f"cannot use {path}: {reason}") from error
