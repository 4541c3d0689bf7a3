"""Ceph's programs in a folder of their own: Debian's packages, unpacked without installing anything on the machine.

Strategy: apt resolves and downloads with private state, so that it neither reads nor changes what is installed here;
the archives are unpacked into a root to `chroot` into, and tried out.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from servers import Unavailable, cache
from servers.guard import Guard

_SUITE = "testing"  # stable's radosgw crashes on some keys
_NAME = f"ceph-{_SUITE}"
_PACKAGES = ("base-files", "bash", "coreutils", "libc-bin", "ceph-mon", "ceph-osd", "radosgw", "ceph-common")
_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
_DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}
_DEFAULT_MIRROR = "http://deb.debian.org/debian/"
_UNPACKING = 600.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def ceph_root() -> Path:
    """The root, unpacked by the first call on a machine (about 250 MB to download, a good 600 MB on disk)."""
    _check_machine()
    return cache.provide(_NAME, _unpack)


def is_unpacked() -> bool:
    """Whether `ceph_root` has nothing left to do."""
    return cache.path(_NAME).exists()


def run(guard: Guard, argv: Sequence[str], *, timeout: float) -> str:
    """Run a command to its end, bounded and guarded, with nothing of the caller's environment but its proxies."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return cache.run(guard, argv, timeout=timeout, env=_ENVIRONMENT | proxies)


def _check_machine() -> None:
    if sys.platform != "linux":
        raise Unavailable("Ceph runs on Linux only")
    if os.geteuid() != 0:
        raise Unavailable("Ceph is run by chroot, which needs root")
    missing = [name for name in ("apt-get", "dpkg-deb", "tar", "chroot") if shutil.which(name) is None]
    if missing or not Path("/etc/debian_version").exists():
        raise Unavailable("Ceph comes from Debian's packages, and this is not Debian")


def _unpack(guard: Guard, root: Path) -> None:
    try:
        archives = _download(guard)
        _lay_out(guard, root, archives)
        run(guard, ["chroot", str(root), "/sbin/ldconfig"], timeout=60)
        # Where a cache forbids devices or programs, this is the step that fails.
        run(guard, ["chroot", str(root), "bash", "-c", "radosgw --version >/dev/null"], timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"Ceph's packages cannot be unpacked: {cache.why(error)}") from error


def _download(guard: Guard) -> Path:
    """Download the packages and all they need; the folder of archives."""
    apt = guard.directory / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "none"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()  # as if nothing were installed: so every dependency is downloaded
    (apt / "sources").write_text(f"deb [signed-by={_keyring()}] {_mirror(guard)} {_SUITE} main\n")
    (apt / "conf").write_text(_apt_settings(apt))
    get = ["apt-get", "-qq", "-c", str(apt / "conf")]
    run(guard, [*get, "update"], timeout=_UNPACKING)
    run(guard, [*get, "install", "-y", "--download-only", *_PACKAGES], timeout=_UNPACKING)
    return apt / "cache/archives"


def _apt_settings(apt: Path) -> str:
    """Read after the machine's own settings: its proxies stay, its hooks, which tidy up its own folders, do not."""
    settings = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::SourceList": apt / "sources",
        "Dir::Etc::SourceParts": apt / "none",
        "Dir::Etc::PreferencesParts": apt / "none",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
    cleared = [f"#clear {name};" for name in (*hooks, "DPkg::Pre-Install-Pkgs", "DPkg::Post-Invoke")]
    return "\n".join([*cleared, *(f'{name} "{value}";' for name, value in settings.items())]) + "\n"


def _keyring() -> Path:
    for name in _KEYRINGS:
        path = Path("/usr/share/keyrings") / name
        if path.exists():
            return path
    raise Unavailable("Ceph's packages cannot be trusted: the package debian-archive-keyring is not installed")


def _mirror(guard: Guard) -> str:
    """The mirror that this machine already uses, because it may reach no other."""
    known = run(guard, ["apt-get", "indextargets", "--format", "$(REPO_URI)"], timeout=60).split()
    return next((uri for uri in known if uri.endswith("/debian/")), _DEFAULT_MIRROR)


def _lay_out(guard: Guard, root: Path, archives: Path) -> None:
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    for folder in ("dev", "etc", "proc", "run", "tmp", "var/log"):
        (root / folder).mkdir(parents=True)
    # tar and not `dpkg-deb -x`: an older package's /lib must not replace the link of that name.
    each = f'dpkg-deb --fsys-tarfile "$deb" | tar -x -C {root} --keep-directory-symlink --no-same-owner'
    loop = f"set -e -o pipefail; for deb in {archives}/*.deb; do {each}; done"
    run(guard, ["bash", "-c", loop], timeout=_UNPACKING)
    for name, number in _DEVICES.items():
        os.mknod(root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(*number))
        (root / "dev" / name).chmod(0o666)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
