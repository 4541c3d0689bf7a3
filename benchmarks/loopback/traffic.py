"""What the stand-in does to traffic: how long an answer takes, how many requests pass, which of them go wrong."""

import math
import random
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from loopback.wire import NAMESPACE, XML_DECLARATION, answer, error

KINDS = ("copy", "put", "get", "head", "list", "delete", "other")
FAULTS = ("500", "503", "body", "reset", "lost")  # lost: done, but the connection dies before the answer

SLOW_DOWN = error(b"503 Slow Down", b"SlowDown", b"Please reduce your request rate.")
_INTERNAL = (
    b"<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>"
)
ANSWERS = {
    "500": answer(b"500 Internal Server Error", XML_DECLARATION + _INTERNAL),
    "503": SLOW_DOWN,
    "body": answer(b"200 OK", XML_DECLARATION + _INTERNAL),
}
assert NAMESPACE not in ANSWERS["body"]


@dataclass(slots=True)
class Limit:
    """A token bucket: `rate` requests a second; full, it holds `burst` seconds of them."""

    rate: float
    burst: float = 0.1
    tokens: float = math.inf  # full to begin with
    at: float = field(default_factory=time.monotonic)

    def take(self, now: float) -> bool:
        self.tokens = min(max(1.0, self.rate * self.burst), self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Traffic:
    """The rules in force, changeable while clients run, and the counts of what passed."""

    def __init__(self) -> None:
        self._latency: dict[str, float] = {}
        self._jitter = 0.0  # sigma of the logarithm of latencies
        self._burst = 0.1
        self.refuses_late = False  # after the latency, not at once
        self._limits: dict[str, Limit] = {}
        self._faults: dict[str, dict[str, float]] = {}
        self._random = random.Random(1)
        self.connections = self.most_connections = self.connected_in_all = 0
        self.reset()

    def reset(self) -> None:
        self.requests = dict.fromkeys(KINDS, 0)
        self._throttled = dict.fromkeys(KINDS, 0)
        self._faulted: Counter[str] = Counter()
        self._copies: list[int] = []
        self._first_copy: float | None = None
        self._start = time.monotonic()
        self._cpu = time.process_time()
        self.most_connections = self.connections
        self.connected_in_all = 0

    def configure(self, rules: dict[str, Any]) -> None:
        """Take new rules: `latency_ms`, `limit` (0: none) and `fault` by kind; `jitter`, `burst`, `refuse_late`.

        A limit that is given begins with a full bucket; the burst is that of limits given from now on.
        """
        self._jitter = float(rules.get("jitter", self._jitter))
        self._burst = float(rules.get("burst", self._burst))
        self.refuses_late = bool(rules.get("refuse_late", self.refuses_late))
        for kind, milliseconds in rules.get("latency_ms", {}).items():
            self._latency[_known(kind)] = float(milliseconds) / 1000
        for kind, rate in rules.get("limit", {}).items():
            self._limits.pop(_known(kind), None)
            if rate:
                self._limits[kind] = Limit(float(rate), self._burst)
        for kind, shares in rules.get("fault", {}).items():
            if set(shares) - set(FAULTS):
                raise ValueError(f"a fault is one of {', '.join(FAULTS)}, not {shares}")
            self._faults[_known(kind)] = {fault: float(share) for fault, share in shares.items() if share}

    def admit(self, kind: str) -> str:
        """Count a request; the fault that meets it, `503` for one over the limit, or nothing."""
        self.requests[kind] += 1
        limit = self._limits.get(kind)
        if limit and not limit.take(time.monotonic()):
            self._throttled[kind] += 1
            return "503"
        shares = self._faults.get(kind)
        if not shares:
            return ""
        lot = self._random.random()
        for fault, share in shares.items():
            lot -= share
            if lot < 0:
                self._faulted[f"{kind}:{fault}"] += 1
                return fault
        return ""

    def delay(self, kind: str) -> float:
        seconds = self._latency.get(kind, 0.0)
        return seconds * self._random.lognormvariate(0, self._jitter) if seconds and self._jitter else seconds

    def copied(self) -> None:
        passed = time.monotonic() - self._start
        if self._first_copy is None:
            self._first_copy = passed
        second = int(passed)
        copies = self._copies
        if second >= len(copies):
            copies += [0] * (second + 1 - len(copies))
        copies[second] += 1

    def connected(self, change: int) -> None:
        self.connections += change
        self.connected_in_all += change > 0
        self.most_connections = max(self.connections, self.most_connections)

    def statistics(self) -> dict[str, Any]:
        return {
            "seconds": time.monotonic() - self._start,
            "cpu_seconds": time.process_time() - self._cpu,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "requests": self.requests,
            "throttled": self._throttled,
            "faults": dict(self._faulted),
            "copies": sum(self._copies),
            "copies_per_second": self._copies,
            "first_copy": self._first_copy,
            "connections": self.connections,
            "most_connections": self.most_connections,
            "connected_in_all": self.connected_in_all,
        }


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"a kind of request is one of {', '.join(KINDS)}, not {kind!r}")
    return kind
