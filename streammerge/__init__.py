"""Merge ImageFolder data sets that live in S3, server-side, without downloading them.

report = await merge(make_job(["s3://bucket/a/", "s3://bucket/b/"], into="s3://bucket/merged/", min_images=2))
"""

from streammerge.core.chronicle import Chronicle, render_chronicle
from streammerge.core.inspected import InspectionReport
from streammerge.core.inspected_text import render_inspection
from streammerge.core.job import Job, Source, make_job, make_sources
from streammerge.core.keys import Location, parse_location
from streammerge.core.layout import Layout, parse_layout
from streammerge.core.pulled import PullReport, render_pull
from streammerge.core.rendering import render
from streammerge.core.report import Report
from streammerge.core.verification import Verification
from streammerge.core.verification_text import render_verification
from streammerge.errors import IncompleteError, RunError, StreamMergeError, UsageError
from streammerge.handoff import write_classes, write_manifest
from streammerge.inspect import inspect
from streammerge.merge import merge, plan
from streammerge.pull import ensure_merged, pull
from streammerge.s3.options import Options
from streammerge.status import status
from streammerge.verify import verify

__all__ = [
    "Chronicle",
    "IncompleteError",
    "InspectionReport",
    "Job",
    "Layout",
    "Location",
    "Options",
    "PullReport",
    "Report",
    "RunError",
    "Source",
    "StreamMergeError",
    "UsageError",
    "Verification",
    "ensure_merged",
    "inspect",
    "make_job",
    "make_sources",
    "merge",
    "parse_layout",
    "parse_location",
    "plan",
    "pull",
    "render",
    "render_chronicle",
    "render_inspection",
    "render_pull",
    "render_verification",
    "status",
    "verify",
    "write_classes",
    "write_manifest",
]
