"""What docs/ says of the code is so: what is generated is current, what is listed is complete, what is named exists."""

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import streammerge
from documents import DOCS, ROOT, section
from streammerge.dataset.ignored import Reason
from streammerge.dataset.image_extensions import IMAGE_EXTENSIONS
from streammerge.dataset.job import Job
from streammerge.inspection.report import InspectionReport, NoiseReport, Overlap, PrefixReport, Together
from streammerge.journal.summary import FailureRecord, JournalSummary, RunRecord
from streammerge.manifest.row import Row
from streammerge.planning.cost import Estimate
from streammerge.planning.failures import Failure
from streammerge.planning.report import Report, Shared, SourceReport
from streammerge.pulling.report import PullReport
from streammerge.verification.report import Difference, Verification

_FORMATS = DOCS / "formats.md"
_ARCHITECTURE = DOCS / "architecture.md"
_PROSE = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
_FIELDS = {
    "merge, plan": (Report, SourceReport, Shared, Failure, Estimate),
    "inspect": (InspectionReport, PrefixReport, Together, Overlap, NoiseReport),
    "verify": (Verification, Difference),
    "pull": (PullReport,),
    "status": (JournalSummary, RunRecord, FailureRecord),
}


def test_what_is_generated_is_current() -> None:
    """The command reference and the map of modules are what `make reference` writes."""
    command = [sys.executable, "scripts/reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}: run make reference"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """No link is broken, no page is missing, and the docstrings of the Python reference can be read."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    for folder in ("scripts", "streammerge"):
        tmp_path.joinpath(folder).symlink_to(ROOT / folder)
    program = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [program, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    built = tmp_path.joinpath("site/reference/api/index.html").read_text("utf-8")
    assert "<li><code>journal</code>: " in built


def test_every_public_name_is_in_the_python_reference() -> None:
    """The page lists what `streammerge` exports, and nothing else."""
    listed = re.findall(r"^::: streammerge\.(\w+)$", DOCS.joinpath("reference/api.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(set(streammerge.__all__) - {"__version__"})


def test_every_page_is_in_the_navigation() -> None:
    """No page is built that nobody finds."""
    listed = re.findall(r": ([\w/-]+\.md)$", ROOT.joinpath("mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("command", _FIELDS)
def test_every_field_is_listed(command: str) -> None:
    """The tables of a report's JSON name each of its fields."""
    text = section(_FORMATS, command)
    fields = [field.name for kind in _FIELDS[command] for field in dataclasses.fields(kind)]
    assert [name for name in fields if f"`{name}`" not in text] == []


def test_what_else_is_read_and_written_is_listed() -> None:
    """Reasons, columns of the manifest, rules of a job file, and extensions of images."""
    reasons = re.findall(r"^\| `([^`]+)` \|", section(_FORMATS, "Reasons for ignoring an object"), re.MULTILINE)
    assert sorted(reasons) == sorted(get_args(Reason))
    assert all(f"`{column}`" in section(_FORMATS, "Manifest") for column in Row._fields)
    of_files = {"mapping", "corrupt"}  # what the files hold that rules name
    rules = [field.name.replace("_", "-") for field in dataclasses.fields(Job) if field.name not in of_files]
    listed = section(_FORMATS, "Job file")
    assert [rule for rule in rules if f"`{rule}`" not in listed and f"`[[{rule}]]`" not in listed] == []
    images = section(DOCS / "merging.md", "Images")
    assert [extension for extension in sorted(IMAGE_EXTENSIONS) if f"`{extension}`" not in images] == []


def test_every_fault_names_a_test() -> None:
    """What the table says of faults is tested, by tests of these names."""
    rows = [line for line in DOCS.joinpath("reliability.md").read_text("utf-8").splitlines() if line.startswith("| ")][
        1:
    ]
    tests = "".join(path.read_text("utf-8") for path in ROOT.joinpath("tests").rglob("test_*.py"))
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.rpartition(" | ")[2])
        assert named, row
        for name in named:
            assert f"def {name}(" in tests, name


@pytest.mark.parametrize("page", _PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_is_named_exists(page: Path) -> None:
    """Files of the repository that are named or linked are there."""
    text = page.read_text("utf-8")
    named = re.findall(r"`((?:streammerge|tests|docs|benchmarks|examples|scripts)/[\w./-]+)`", text)
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", _PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_section_that_is_linked_exists(page: Path) -> None:
    """A link into a page leads to one of its headings."""
    for path, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8")):
        target = (page.parent / path) if path else page
        headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{path}#{anchor}"
