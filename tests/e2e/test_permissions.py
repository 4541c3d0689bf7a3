"""The IAM policy of docs/permissions.md: enough for a merge on a server that checks, and no action in it too many."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from command import Ended, streammerge
from documents import DOCS, block
from fault_proxy import Fault, fault_proxy
from oracle import contents
from seeding import new_bucket, put_all
from servers import Server, connect
from servers.ceph import CephServer
from spoiling import access_denied

_POLICY = block(DOCS / "permissions.md", "policy")
_BUCKET, _INTO = "data-labeling.livereachmedia.com", "datasets/reidnet_v3/"
_ACTIONS = sorted(set(re.findall(r"s3:\w+", _POLICY)))
# Ceph does not ask for it; Amazon does, to copy an object that has tags:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_NOT_ON_CEPH = {"s3:PutObjectTagging"}


class Guarded:
    """Two sources with tagged images in somebody else's bucket, where one may do what a policy says, and no more."""

    def __init__(self, owner: CephServer, client: Any) -> None:
        self.owner = owner
        self.client = client
        self.bucket = new_bucket(client)
        images = {"datasets/one/ada/1.jpg": b"1", "datasets/two/ada/2.jpg": b"in parts"}
        put_all(client, self.bucket, images, Tagging="camera=3")

    def allow(self, *, but: str = "") -> None:
        """Let a stranger do all that the policy names, but for one action, and begin anew."""
        policy = json.loads(_POLICY.replace(_BUCKET, self.bucket))
        for statement in policy["Statement"]:
            actions = statement["Action"]
            statement["Action"] = [
                action for action in (actions if isinstance(actions, list) else [actions]) if action != but
            ]
            statement["Principal"] = {"AWS": ["arn:aws:iam:::user/stranger"]}
        policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
        self.client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
        for key in contents(self.client, self.bucket, _INTO):
            self.client.delete_object(Bucket=self.bucket, Key=_INTO + key)

    def merge(self, server: Server | None = None) -> Ended:
        """Merge as the stranger; one of the two images in parts."""
        sources = [f"s3://{self.bucket}/datasets/{name}/" for name in ("one", "two")]
        rest = ("--into", f"s3://{self.bucket}/{_INTO}", "--multipart-threshold", "2", "--no-journal")
        return streammerge("merge", *sources, *rest, server=server or self.owner.stranger)

    def images(self) -> int:
        """How many are at the destination."""
        return len(contents(self.client, self.bucket, _INTO))

    def uploads(self) -> int:
        """How many multipart uploads were left behind."""
        return len(self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ()))


@pytest.fixture(scope="module")
def guarded(ceph: CephServer) -> Iterator[Guarded]:
    """They, on a server that checks who asks."""
    with contextlib.closing(connect(ceph)) as client:
        yield Guarded(ceph, client)


def test_the_policy_is_enough(guarded: Guarded) -> None:
    """Whoever may do what the policy says merges all, tags and images in parts included."""
    guarded.allow()
    ended = guarded.merge()
    assert ended.code == 0, ended.err
    assert guarded.images() == 2


@pytest.mark.parametrize("action", sorted({*_ACTIONS} - {"s3:AbortMultipartUpload"} - _NOT_ON_CEPH))
def test_no_action_is_too_many(guarded: Guarded, action: str) -> None:
    """Without any one of them something is not copied, and the message says what to grant."""
    guarded.allow(but=action)
    ended = guarded.merge()
    assert ended.code in (2, 3)
    assert "AccessDenied" in ended.err + ended.out
    assert action in ended.err + ended.out
    assert guarded.images() < 2


def test_an_upload_is_cleaned_up(guarded: Guarded) -> None:
    """AbortMultipartUpload is what removes the parts of a copy that failed."""
    refused = Fault(access_denied, on=("copy",), where=lambda asked: "partNumber" in asked.path)
    left = []
    for but in ("", "s3:AbortMultipartUpload"):
        guarded.allow(but=but)
        with fault_proxy(guarded.owner.stranger, refused) as proxy:
            ended = guarded.merge(proxy.server)
        assert ended.code == 3, ended.err
        left.append(guarded.uploads())
    assert left == [0, 1]
    assert "s3:AbortMultipartUpload" in ended.err + ended.out
