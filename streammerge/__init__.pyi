from . import sync
from .cluster.settings import ClusterSettings
from .dataset.connection import Connection
from .dataset.job import Job, make_job
from .dataset.layout import Layout, parse_layout
from .dataset.objects import Location, parse_location
from .dataset.source import Source
from .dataset.source_arguments import make_sources
from .errors import IncompleteError, RunError, StreamMergeError, UsageError
from .inspection.report import InspectionReport
from .inspection.run import inspect
from .job_files import load_job
from .journal.status import status
from .journal.summary import JournalSummary
from .manifest.files import write_classes, write_manifest
from .merging.run import merge, plan
from .planning.report import Report
from .pulling.merged_set import ensure_merged
from .pulling.report import PullReport
from .pulling.run import pull
from .report.progress import Progress
from .s3.options import Options
from .verification.report import Verification
from .verification.run import verify

__all__ = [
    "ClusterSettings",
    "Connection",
    "IncompleteError",
    "InspectionReport",
    "Job",
    "JournalSummary",
    "Layout",
    "Location",
    "Options",
    "Progress",
    "PullReport",
    "Report",
    "RunError",
    "Source",
    "StreamMergeError",
    "UsageError",
    "Verification",
    "__version__",
    "ensure_merged",
    "inspect",
    "load_job",
    "make_job",
    "make_sources",
    "merge",
    "parse_layout",
    "parse_location",
    "plan",
    "pull",
    "status",
    "sync",
    "verify",
    "write_classes",
    "write_manifest",
]

__version__: str
