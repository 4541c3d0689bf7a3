"""Ceph's S3 gateway: the smallest cluster there is, on loopback, in memory: one monitor, one store, one gateway.

    with ceph() as server:
        ...                     # server.endpoint_url, server.access_key, server.secret_key, server.region
        server.stranger         # the same server for a user who may not touch the first one's buckets
        server.ratelimit("bucket", max_write_ops=600)    # a minute; beyond it the gateway answers 503 SlowDown

Of all servers here it is the nearest to S3: it lists in byte order, checks signatures, takes any key, and throttles.
"""

import contextlib
import secrets
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from servers import Server
from servers.ceph_root import ceph_root, run
from servers.guard import Guard
from streammerge.demo.server import LOOPBACK, answers, free_ports, wait_until
from streammerge.errors import RunError

_COMMAND = 60.0
_MEMORY = 4 << 30
# What would write logs that nobody reads.
_SILENT = (
    *("auth", "finisher", "mon", "monc", "ms", "objclass", "objecter", "optracker", "osd", "paxos", "rados"),
    *("rgw", "rgw_access", "rocksdb", "throttle", "timer", "tp"),
)


@dataclass(frozen=True, slots=True)
class CephServer(Server):
    """A gateway, a second user who has no access to the first one's buckets, and `radosgw-admin`."""

    stranger: Server = field(kw_only=True)
    admin: Callable[..., str] = field(kw_only=True, repr=False, compare=False)

    def ratelimit(self, bucket: str, max_write_ops: int) -> None:
        """Let a bucket take so many writes a minute and no more."""
        scope = ("--ratelimit-scope=bucket", f"--bucket={bucket}")
        self.admin("ratelimit", "set", *scope, f"--max-write-ops={max_write_ops}")
        self.admin("ratelimit", "enable", *scope)


@contextlib.contextmanager
def ceph(
    settings: Mapping[str, str | int] | None = None, *, min_part_size: int = 1024, timeout: float = 45.0
) -> Iterator[CephServer]:
    """Run a cluster of its own on free ports; `settings` are more lines for its configuration.

    Parts of multipart uploads may be as small as `min_part_size`, so that tests need no large objects.
    """
    root = ceph_root()
    more = {"rgw_multipart_min_part_size": min_part_size, **(settings or {})}
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(_cluster(root, more, timeout))
        except RunError:
            # A daemon that misses its moment is rare and does not repeat; a wrong setting does.
            server = stack.enter_context(_cluster(root, more, timeout))
        yield server


@contextlib.contextmanager
def _cluster(root: Path, settings: Mapping[str, str | int], timeout: float) -> Iterator[CephServer]:
    with Guard(below=root / "tmp") as guard:
        yield _Start(root, guard, timeout).server(settings)


class _Start:
    """One attempt at starting a cluster in the guard's directory, which is `self._inside` to its programs."""

    def __init__(self, root: Path, guard: Guard, timeout: float) -> None:
        self._root = root
        self._guard = guard
        self._timeout = timeout
        self._inside = Path("/") / guard.directory.relative_to(root)
        self._log = guard.directory / "daemons.log"
        self._conf = f"--conf={self._inside}/ceph.conf"

    def server(self, settings: Mapping[str, str | int]) -> CephServer:
        mon_v1, mon_v2, s3 = free_ports(3)
        monitor = f"[v2:{LOOPBACK}:{mon_v2},v1:{LOOPBACK}:{mon_v1}]"
        cluster, store = str(uuid.uuid4()), str(uuid.uuid4())
        self._write_settings(_settings(self._inside, cluster, monitor, s3), settings)
        pids = [self._start_monitor(cluster, monitor), self._start_store(store)]
        pids.append(self._daemon("radosgw", "-n", "client.rgw"))
        wait_until(
            lambda: answers(s3),
            died=lambda: any(self._guard.status(pid) is not None for pid in pids),
            what="Ceph",
            timeout=self._timeout,
            log=self._log,
        )
        return self._with_users(f"http://{LOOPBACK}:{s3}")

    def _write_settings(self, sections: dict[str, dict[str, object]], more: Mapping[str, str | int]) -> None:
        for folder in ("mon", "osd", "rgw", "run"):
            (self._guard.directory / folder).mkdir()
        sections["client"].update(more)
        lines = [
            line
            for section, settings in sections.items()
            for line in (f"[{section}]", *(f"{name} = {value}" for name, value in settings.items()))
        ]
        (self._guard.directory / "ceph.conf").write_text("\n".join(lines) + "\n")

    def _start_monitor(self, cluster: str, monitor: str) -> int:
        monmap = str(self._inside / "monmap")
        self._run("monmaptool", "--create", f"--fsid={cluster}", "--addv", "a", monitor, monmap)
        self._run("ceph-mon", self._conf, "--mkfs", "-i", "a", "--monmap", monmap)
        return self._daemon("ceph-mon", "-i", "a")

    def _start_store(self, store: str) -> int:
        self._run("ceph-osd", self._conf, "--mkfs", "-i", "0", f"--osd-uuid={store}", "--no-mon-config")
        self._run("ceph", self._conf, "--connect-timeout=30", "osd", "new", store, "0")
        return self._daemon("ceph-osd", "-i", "0")

    def _with_users(self, endpoint_url: str) -> CephServer:
        owner = Server(endpoint_url, secrets.token_hex(10).upper(), secrets.token_hex(20))
        stranger = replace(owner, access_key=secrets.token_hex(10).upper(), secret_key=secrets.token_hex(20))
        admin = partial(self._run, "radosgw-admin", self._conf)
        for name, user in (("owner", owner), ("stranger", stranger)):
            keys = (f"--access-key={user.access_key}", f"--secret-key={user.secret_key}")
            admin("user", "create", f"--uid={name}", f"--display-name={name}", "--max-buckets=0", *keys)
        return CephServer(endpoint_url, owner.access_key, owner.secret_key, stranger=stranger, admin=admin)

    def _daemon(self, program: str, *arguments: str) -> int:
        argv = ["chroot", str(self._root), program, self._conf, "-f", *arguments]
        return self._guard.start(argv, log=self._log, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def _run(self, *argv: str) -> str:
        try:
            return run(self._guard, ["chroot", str(self._root), *argv], timeout=_COMMAND)
        except subprocess.SubprocessError as error:
            raise RunError(f"Ceph's {argv[0]} failed: {error}\n{getattr(error, 'output', '')}") from error


def _settings(home: Path, cluster: str, monitor: str, s3: int) -> dict[str, dict[str, object]]:
    """What makes a cluster this small work, quickly."""
    return {
        "global": {
            "fsid": cluster,
            "mon_host": monitor,
            **dict.fromkeys(("public_addr", "cluster_addr"), LOOPBACK),
            "ms_bind_ipv6": "false",
            # Passwords between the daemons would gain nothing here (S3's signatures are checked all the same). Without
            # them there is no encryption either, and the gateway insists on that with the monitor unless told.
            **{f"auth_{side}_required": "none" for side in ("cluster", "service", "client")},
            "ms_mon_client_mode": "crc",
            # The monitor bundles decisions for a second; each pool that the gateway makes waits for one.
            "paxos_propose_interval": 0.02,
            "paxos_min_wait": 0.005,
            # A gateway that is up before the store waits for its next look, by default five seconds.
            "objecter_tick_interval": 0.1,
            "run_dir": home / "run",
            "crash_dir": home / "run",
            "log_file": home / "$type.log",
            **{f"debug_{part}": "0/0" for part in _SILENT},
            "osd_pool_default_size": 1,
            "osd_pool_default_min_size": 1,
            "osd_pool_default_pg_num": 8,
            "osd_pool_default_pgp_num": 8,
            "osd_pool_default_pg_autoscale_mode": "off",
            "osd_crush_chooseleaf_type": 0,
            "mon_allow_pool_size_one": "true",
            "mon_max_pg_per_osd": 2000,
        },
        # A developer's disk that is nearly full must not stop the tests: next to nothing is written to it.
        "mon": {"mon_data": home / "mon", "mon_data_avail_warn": 2, "mon_data_avail_crit": 1},
        "osd": {
            "osd_data": home / "osd",
            "osd_objectstore": "memstore",
            "memstore_device_bytes": _MEMORY,
            "osd_class_load_list": "*",
            "osd_class_default_list": "*",
            "osd_op_num_shards": 2,
            "osd_op_num_threads_per_shard": 2,
            "osd_min_pg_log_entries": 10,
            "osd_max_pg_log_entries": 20,
            "osd_max_scrubs": 0,
        },
        "client": {
            "rgw_data": home / "rgw",
            "rgw_frontends": f"beast endpoint={LOOPBACK}:{s3} tcp_nodelay=1",
            "rgw_thread_pool_size": 64,
            "rgw_max_listing_results": 1000,  # S3's page; Ceph's own would be longer
            "rgw_override_bucket_index_max_shards": 1,
            **{
                f"rgw_{name}": "false"
                for name in ("dynamic_resharding", "enable_lc_threads", "enable_quota_threads", "run_sync_thread")
            },
        },
    }
