"""What the command loads before it knows what to do: `--help` must not wait for what only a run needs."""

import subprocess
import sys

_HEAVY = ("aioboto3", "aiohttp", "botocore", "jinja2", "leather", "PIL", "pyarrow")


def test_help_loads_nothing_heavy() -> None:
    """Of the libraries that take long to load, the command line has none before a verb runs."""
    code = f"import sys, streammerge.cli; print(*sorted(set({_HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
