"""Destinations with rules of their own: versions, object lock. On each real server; what one lacks is said."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from command import Ended, streammerge
from oracle import contents
from seeding import put_all
from servers import Server

_IMAGES = {f"one/id{identity}/{image}.jpg": f"{identity}{image}".encode() for identity in range(3) for image in "ab"}


def _merge(server: Server, bucket: str, *more: str) -> Ended:
    return streammerge("merge", f"s3://{bucket}/one/", "--into", f"s3://{bucket}/into/", "--json", *more, server=server)


def _versioned(client: Any, bucket: str) -> None:
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _locked(client: Any, bucket: str) -> None:
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)


@pytest.mark.parametrize("make", [_versioned, _locked])
def test_a_destination_that_keeps_versions(server: Server, client: Any, make: Any) -> None:
    """All is merged, nothing is copied twice, and what is replaced on demand is kept as an older version."""
    if make is _locked and server.access_key == "moto":
        pytest.skip("moto asks for the checksum of a body that CopyObject does not have")
    bucket = f"kept-{uuid.uuid4().hex[:12]}"
    try:
        make(client, bucket)
    except ClientError as error:
        pytest.skip(f"this server has no such bucket: {error}")
    put_all(client, bucket, _IMAGES)
    assert _merge(server, bucket).code == 0
    there = contents(client, bucket, "into/")
    assert len(there) == len(_IMAGES)
    again = _merge(server, bucket)
    assert (again.code, again.report["copied"], again.report["already_present"]) == (0, 0, len(_IMAGES))
    put_all(client, bucket, {"into/id0/a.jpg": b"other"})
    assert _merge(server, bucket).code == 3
    replaced = _merge(server, bucket, "--if-exists", "overwrite")
    assert (replaced.code, replaced.report["copied"]) == (0, 1)
    assert contents(client, bucket, "into/") == there
    versions = client.list_object_versions(Bucket=bucket, Prefix="into/id0/a.jpg").get("Versions", [])
    assert len(versions) == 3
