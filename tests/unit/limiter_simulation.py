"""A store and a client on simulated time, to watch a window at work: deterministic, a few microseconds a request."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from random import Random

from streammerge.transfer.limiter import Limiter

START, REFUSED, SERVED, HANDLED, ARRIVED, ENDED = range(6)
REFUSAL_LATENCY = 0.003


def steady(limit: float) -> Callable[[float], float]:
    """A limit that never changes."""
    return lambda _now: limit


@dataclass(slots=True)
class Store:
    """A store behind a network: what it answers, and when.

    One that is `queueing` serves `limit` requests a second and lets the rest wait, so that latency rises. Any other has
    a token bucket and refuses what is over. A limit of zero refuses everything.
    """

    limit: Callable[[float], float]
    latency: float | Callable[[float], float]
    queueing: bool = False
    burst: float = 0.02  # what the bucket holds, in seconds of the limit
    refusals: float = 0.0  # share refused for no reason
    spread: float = 0.2  # sigma of the latency, which is lognormal
    refuses_late: bool = False  # after the latency, not at once
    random: Random = field(default_factory=lambda: Random(1))
    _free_at: float = 0.0
    _tokens: float = inf
    _filled_at: float = 0.0

    def answer(self, now: float) -> tuple[float, int]:
        """When the answer to a request sent now is back, and what it says."""
        limit = self.limit(now)
        latency = self.latency(now) if callable(self.latency) else self.latency
        latency *= self.random.lognormvariate(0, self.spread)
        refused = now + (latency if self.refuses_late else REFUSAL_LATENCY)
        if not limit or (self.refusals and self.random.random() < self.refusals):
            return refused, REFUSED
        if self.queueing:
            self._free_at = max(self._free_at, now) + 1 / limit
            return self._free_at + latency, SERVED
        self._tokens = min(max(4.0, self.burst * limit), self._tokens + limit * (now - self._filled_at))
        self._filled_at = now
        if self._tokens < 1:
            return refused, REFUSED
        self._tokens -= 1
        return now + latency, SERVED


@dataclass(slots=True)
class Run:
    """What a window's run against a store has shown."""

    limiter: Limiter
    served: list[float] = field(default_factory=list)  # when
    refused: list[float] = field(default_factory=list)
    sizes: list[tuple[float, int]] = field(default_factory=list)

    def rate(self, since: float, until: float) -> float:
        """Requests served a second."""
        return _between(self.served, since, until) / (until - since)

    def refusals(self, since: float = 0.0, until: float = inf) -> float:
        """Share of the requests that were refused."""
        refused = _between(self.refused, since, until)
        return refused / max(1, refused + _between(self.served, since, until))

    def largest(self, since: float = 0.0) -> int:
        """The largest size the window had."""
        return max(size for at, size in self.sizes if at >= since)


def _between(times: list[float], since: float, until: float) -> int:
    return bisect_left(times, until) - bisect_left(times, since)


@dataclass(slots=True)
class Client:
    """A gate as the real one is: take a slot of the window, wait for the start, send."""

    store: Store
    limiter: Limiter
    copies: float = inf  # in all
    produced: float = inf  # a second
    cpu: float = 0.0  # seconds of the client's own time that each answer takes
    errors: float = 0.0  # share answered after `error_latency`, whatever the store did
    error_latency: float = 0.002
    network: float = 0.0  # seconds that a request takes to the store, at most
    body: float = 0.0  # seconds from the first byte of an answer to its last
    _random: Random = field(default_factory=lambda: Random(2))
    _events: list[tuple[float, int, int, float]] = field(default_factory=list)  # when, tie-breaker, what, sent when
    _ticket: int = 0
    _taken: int = 0
    _in_flight: int = 0
    _bodies: int = 0
    _waiting: bool = False  # for the producer, or for the start of the next request
    _idle_at: float = 0.0
    _run: Run = field(init=False)

    def run(self, seconds: float) -> Run:
        """Send copies until the time is up or all are served; what was refused is sent again at once."""
        return together([self], seconds)[0]

    def begin(self) -> Run:
        """Start a run, whose steps are to follow."""
        self._run = Run(self.limiter)
        self._fill(0.0)
        return self._run

    @property
    def next_at(self) -> float:
        """When the next step is due."""
        return self._events[0][0] if self._events else inf

    def step(self) -> None:
        """Let the next thing happen."""
        now, _, what, sent = heappop(self._events)
        if what == START:
            self._waiting = False
            if sent < inf:
                self._send(now)
        elif what == ARRIVED:
            self._ask(now, sent)
        elif what == ENDED:
            self._in_flight -= 1
            self._bodies -= 1
        elif self.cpu and what != HANDLED:
            self._idle_at = max(self._idle_at, now) + self.cpu
            self._push(self._idle_at, HANDLED, sent)
        else:
            self._answered(self._run, now, sent, refused=what == REFUSED)
        self._fill(now)

    def _push(self, at: float, what: int, sent: float) -> None:
        self._ticket += 1
        heappush(self._events, (at, self._ticket, what, sent))

    def _fill(self, now: float) -> None:
        while not self._waiting and self._in_flight < self.limiter.size and self._taken < self.copies:
            due = (self._taken + 1) / self.produced
            if due > now:
                self._waiting = True
                self._push(due, START, inf)
                return
            self._taken += 1
            self._in_flight += 1
            at = self.limiter.start_at(now)
            if at > now:
                self._waiting = True
                self._push(at, START, at)
            else:
                self._send(now)

    def _send(self, now: float) -> None:
        if self.network:
            self._push(now + self._random.random() * self.network, ARRIVED, now)
        else:
            self._ask(now, now)

    def _ask(self, now: float, sent: float) -> None:
        back, what = self.store.answer(now)
        if self.errors and what == SERVED and self._random.random() < self.errors:
            back = now + self.error_latency
        self._push(back, what, sent)

    def _answered(self, run: Run, now: float, sent: float, *, refused: bool) -> None:
        in_flight, bodies = self._in_flight, self._bodies
        self.limiter.answered(now, now - sent, throttled=refused, in_flight=in_flight, bodies=bodies)
        if self.body and not refused:
            self._push(now + self.body, ENDED, sent)
            self._bodies += 1
        else:
            self._in_flight -= 1
        if refused:
            self._taken -= 1
            run.refused.append(now)
        else:
            run.served.append(now)
            if len(run.served) % 16 == 0:
                run.sizes.append((now, self.limiter.size))


def together(clients: Sequence[Client], seconds: float) -> list[Run]:
    """Let clients run side by side until the time is up or all is served."""
    runs = [client.begin() for client in clients]
    while (client := min(clients, key=lambda each: each.next_at)).next_at < seconds:
        client.step()
    return runs
