"""A directory into which files are put, and beside which nothing is.

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
import errno
import fcntl
import hashlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from streammerge.core.keys import printable
from streammerge.core.local import TEMPORARY, FileSystem, Found
from streammerge.errors import IncompleteError, ObjectError, StreamMergeError, UsageError
from streammerge.filework import FileWork

_MILLISECOND = 1_000_000  # nanoseconds
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# What concerns every file, and not the one that is written
_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE})


class Folder:
    """An open directory. `with open_folder(…)` is how to have one."""

    def __init__(self, path: Path, root: int) -> None:
        self.path = path
        self.file_system = FileSystem()
        self._root = root
        self._numbers = itertools.count()
        self.work = FileWork()

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
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._walk(os.open(entry.name, _OPEN_FOLDER, dir_fd=opened), path + "/")
                        continue
                    info = entry.stat(follow_symlinks=False)
                    identity, _, name = path.partition("/") if below else ("", "", path)
                    size = info.st_size if stat.S_ISREG(info.st_mode) else -1
                    yield Found(identity, name, size, info.st_mtime_ns // _MILLISECOND)
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

    async def put(self, path: str, body: bytes, time: int | None) -> None:
        """Write a small file, whole or not at all, in one hop to a thread; what was begun ends though it is cancelled.

        time: when its content was written (`set_time`).
        Raises ObjectError where its name is not to be had, IncompleteError where no file can be written any more.
        """
        try:
            await self.work.do(lambda: self._put(path, body, time))
        except OSError as error:
            raise meaning(path, error) from error

    def _put(self, path: str, body: bytes, time: int | None) -> None:
        temporary, file = self.create()
        try:
            try:
                write_all(file, body)
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
            for folder in folders:
                above, opened = opened, _descend(opened, folder, make=make)
                self._let_go(above)
            yield opened, name
        finally:
            self._let_go(opened)

    def _let_go(self, opened: int) -> None:
        if opened != self._root:
            os.close(opened)

    def create(self) -> tuple[str, int]:
        """A new file under a temporary name: the name, and the file opened."""
        name = f"{TEMPORARY}{os.getpid()}-{next(self._numbers)}"
        return name, os.open(name, _NEW, 0o666, dir_fd=self._root)

    def rename(self, temporary: str, path: str) -> None:
        """Give a file that is whole its final name, making the folders above it."""
        with self._opened(path, make=True) as (folder, name):
            os.replace(temporary, name, src_dir_fd=self._root, dst_dir_fd=folder)

    def discard(self, temporary: str) -> None:
        """Remove a file that is not whole, if it is there."""
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=self._root)


def _descend(opened: int, folder: str, *, make: bool) -> int:
    try:
        return os.open(folder, _OPEN_FOLDER, dir_fd=opened)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):  # another thread was quicker
        os.mkdir(folder, dir_fd=opened)
    return os.open(folder, _OPEN_FOLDER, dir_fd=opened)


def write_all(file: int, body: bytes) -> None:
    """Write all of it to an open file."""
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(file, rest) :]


def set_time(file: int, time: int | None) -> None:
    """Give an open file a time of writing, in milliseconds since the epoch; where it may have none it keeps its own."""
    if time is not None:
        with contextlib.suppress(OSError):  # somebody else's file, or a file system without times
            os.utime(file, ns=(time * _MILLISECOND, time * _MILLISECOND))


def meaning(path: str, error: OSError) -> StreamMergeError:
    """What it means that a file cannot be written: IncompleteError if no other can be either, else ObjectError."""
    if error.errno in _FATAL:
        return IncompleteError(
            f"cannot write {printable(path)!r}: {error.strerror}. What was pulled before stays; mend that, "
            "and run the same command again to go on"
        )
    reason = error.strerror or type(error).__name__
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        reason = "something in its way is a link or a file, not a folder, and nothing is written through links"
    code = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return ObjectError(f"cannot write {printable(path)!r}: {reason}", code=code)


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[Folder]:
    """Open a directory for one run alone, making it if need be; if it is still empty then, it is removed at the end.

    Files that an earlier run left unfinished are removed. Raises UsageError where it cannot be made, read or written.
    """
    with _telling(path):
        made = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    folder = Folder(path, root)
    try:
        _lock(path, root)
        with _telling(path):
            with os.scandir(root) as entries:
                unfinished = [entry.name for entry in entries if entry.name.startswith(TEMPORARY)]
            for name in unfinished:
                folder.discard(name)
            folder.file_system = _examine(folder, root)
        yield folder
    finally:
        folder.close()
        if made:
            with contextlib.suppress(OSError):  # it has something in it
                path.rmdir()


def _lock(path: Path, root: int) -> None:
    try:
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"another pull is at work in {path}: let it end first") from error
    except OSError:
        return  # a file system that has no locks


def _examine(folder: Folder, root: int) -> FileSystem:
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
        raise UsageError(f"cannot use {path}: {error.strerror}") from error
