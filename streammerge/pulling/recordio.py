"""Handles RecordIO files in the directory of a pull, which a trainer would read instead of the images."""

from streammerge.dataset.recordio import RECORDIO_NAMES
from streammerge.errors import UsageError
from streammerge.manifest.database import ImageDatabase
from streammerge.pulling.directory import Directory
from streammerge.pulling.paths import RecordIO
from streammerge.pulling.report import PullReport
from streammerge.report.progress import Progress


class RecordIOFiles:
    """Those that were found at the top of the directory. Raises UsageError where the policy is that there be none."""

    def __init__(self, folder: Directory, database: ImageDatabase, policy: RecordIO) -> None:
        self._folder = folder
        self._policy = policy
        self._found = sorted(RECORDIO_NAMES.intersection(database.loose()))
        if self._found and policy == "fail":
            names = ", ".join(self._found)
            raise UsageError(
                f"{names} in {folder.path}: a trainer would read these RecordIO files instead of the images. Move them "
                "away, or pass --recordio rename"
            )

    def clear(self, report: PullReport, progress: Progress) -> None:
        """Rename, remove or keep them, as the policy has it, and report that."""
        folder, found = self._folder, self._found
        report.recordio = found
        if found and self._policy == "rename":
            report.recordio_renamed = {name: folder.put_aside(name) for name in found}
            told = ", ".join(f"{name} to {aside}" for name, aside in report.recordio_renamed.items())
            progress.warn(f"renamed {told} in {folder.path}: a trainer would read them instead of the images")
        if found and self._policy == "remove":
            for name in found:
                folder.remove(name)
            report.recordio_removed = found
            progress.warn(
                f"removed {', '.join(found)} from {folder.path}: a trainer would read them instead of the images"
            )
