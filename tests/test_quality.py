"""Format, lint, types and layers, as tests: one command checks everything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "--output-format=concise", "."],
    "types": ["mypy"],
    "layers": ["lint-imports", "--no-logo", "--no-cache"],
}
_BOUND = 600  # seconds: mypy begins without a cache, maybe on a busy machine


@pytest.mark.timeout(_BOUND + 30)
@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_passes(check: str) -> None:
    """The tool finds nothing to complain about."""
    program, *arguments = CHECKS[check]
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=_BOUND, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
