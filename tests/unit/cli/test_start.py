"""What happens before a command knows what to do: nothing heavy is loaded, and Ctrl-C is no traceback."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

import streammerge
from streammerge.cli.commands import commands

_HEAVY = ("aioboto3", "aiohttp", "botocore", "jinja2", "PIL", "pyarrow")


def test_help_loads_nothing_heavy() -> None:
    """Of the libraries that take long to load, the command line has none before a command runs."""
    code = f"import sys, streammerge.cli.program; print(*sorted(set({_HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


def test_a_run_in_one_process_loads_nothing_of_a_cluster() -> None:
    """Nor what pictures and pages need."""
    loads = (
        "import sys, streammerge.merging.run, streammerge.verification.run, streammerge.s3.client; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, timeout=60, check=True)
    unwanted = {
        "distributed",
        "jinja2",
        "PIL",
        "pyarrow",
        "streammerge.cluster.worker",
        "streammerge.merging.on_cluster",
    }
    assert unwanted.isdisjoint(done.stdout.split())


def test_next_to_nothing_is_loaded_before_ctrl_c_is_caught() -> None:
    """What is imported outside that `try` would show a traceback: of all modules, our two small ones."""
    code = "import sys; before = set(sys.modules); import streammerge.cli; print(*sorted({*sys.modules} - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["streammerge", "streammerge.cli"]


def test_ctrl_c_while_it_loads(tmp_path: Path) -> None:
    """One line and the exit code of an interruption."""
    (tmp_path / "uvloop.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "streammerge", "--help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "streammerge: interrupted before anything was done\n"


def test_version() -> None:
    """Both spellings tell what Python tells."""
    for option in ("-V", "--version"):
        assert streammerge.__version__ in CliRunner().invoke(commands, [option], prog_name="streammerge").output
