"""A run's stopwatch: the time in which the user is asked does not count."""

import pytest

from streammerge.merging.stopwatch import Stopwatch


async def test_waiting_for_an_answer_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour before the question is answered, or fails to be."""
    now = [0.0]
    monkeypatch.setattr("streammerge.merging.stopwatch.time.monotonic", lambda: now[0])
    stopwatch = Stopwatch()

    async def answer(word: str) -> str:
        now[0] += 3600
        if word == "?":
            raise KeyError(word)
        return word

    now[0] += 5
    assert await stopwatch.paused(answer)("yes") == "yes"
    now[0] += 2
    with pytest.raises(KeyError):
        await stopwatch.paused(answer)("?")
    assert stopwatch.seconds == pytest.approx(7)
