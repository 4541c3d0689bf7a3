"""Multipart uploads that a killed run has begun and not heard of: on every real server, their time tells them."""

import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from servers import Server
from streammerge.dataset.job import Job
from streammerge.dataset.objects import Location
from streammerge.dataset.source import Source
from streammerge.journal.journal import open_journal
from streammerge.merging.leftovers import abort_leftovers
from streammerge.report.progress import Progress
from streammerge.s3.client import open_client
from streammerge.s3.options import Options
from streammerge.transfer.deadline import Deadline

_HOUR = 3600.0


async def test_an_upload_is_told_by_its_time(
    server: Server, client: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was begun when the journal says so is aborted; one of a key that was to be begun an hour ago is not."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    place = Location(bucket, f"{uuid.uuid4().hex}/")
    ours, foreign = f"{place.prefix}ada/1.png", f"{place.prefix}ada/2.png"
    at = time.time()
    for key in (ours, foreign):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    job = Job((Source("vendor", Location(bucket, "from/")),), place)
    async with (
        open_client(Options(endpoint_url=server.endpoint_url, attempts=2, timeout=60)) as store,
        open_journal(tmp_path / "journal", job, store, deadline=Deadline()) as journal,
    ):
        assert journal
        await store.probe(place)
        journal.history.openings = {ours: [at], foreign: [at - _HOUR]}
        await abort_leftovers(store, place, journal, Progress())
    left = [key for key in (ours, foreign) if client.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads")]
    assert left == [foreign]
