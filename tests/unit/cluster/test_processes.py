"""How workers are started: forked, unless what they would find is no longer what a new process would."""

from pathlib import Path

import pytest

from streammerge.cluster import processes


def _method() -> str:
    (method,) = processes.starting().values()
    return str(method)


def test_workers_have_the_environment_of_now(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials and relative paths are those of this moment: a process that has others is not forked."""
    monkeypatch.setattr(processes, "_began", [])
    assert [_method(), _method()] == ["forkserver"] * 2
    with monkeypatch.context() as changed:
        changed.setenv("AWS_PROFILE", "another")
        assert _method() == "spawn"
    assert _method() == "forkserver"
    monkeypatch.chdir(tmp_path)
    assert _method() == "spawn"
