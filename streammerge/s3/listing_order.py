"""Stores known to list keys in UTF-8 byte order, each with its source.

Strategy: services are known by the host names that they own, software that runs anywhere by what its answers say of
itself. Order is still checked on every page; this decides whether a listing may be cut into ranges and joined while it
is read, or must be read whole first.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# Domains whose every host is a bucket, or an endpoint, of the service
_SERVICES = {
    # "The returned list of objects is ordered lexicographically":
    # https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#bucket-method-definitions
    "r2.cloudflarestorage.com",
    # "objects in the list are ordered lexicographically by name":
    # https://cloud.google.com/storage/docs/xml-api/get-bucket-list
    "storage.googleapis.com",
    # "sorted alphabetically by key": https://www.backblaze.com/apidocs/s3-list-objects-v2
    "backblazeb2.com",
    # JuiceFS joins listings of these two by key as we do, and stops at one out of order:
    # https://github.com/juicedata/juicefs/blob/main/pkg/object/wasabi.go, …/space.go and pkg/sync/sync.go
    "wasabisys.com",
    "digitaloceanspaces.com",
}
# "Amazon S3 lists objects in UTF-8 character encoding in lexicographical order. MinIO does the same":
# https://github.com/minio/minio-py/issues/775; the header: https://github.com/minio/minio-java/issues/1299
_MINIO = "MinIO"
# Listing without order is an extension of its own, `allow-unordered`: https://docs.ceph.com/en/latest/radosgw/s3/bucketops/
_CEPH = "Ceph Object Gateway"
# Ceph's ids of requests, which older releases, and proxies that put their own name in Server, leave as they are: `tx`,
# 21 digits, the time, the gateway's number and the zone
_CEPH_REQUEST = re.compile(r"tx[0-9a-f]{21}-[0-9a-f]{10}-[0-9a-f]+-.+")

_SEAWEEDFS = "SeaweedFS"  # in the order of its folders: `a/x` before `a-b/x`, as our tests see


def known_order(host: str, service: str, headers: Mapping[str, str]) -> bool | None:
    """Whether a store lists in UTF-8 byte order; None where that is not known.

    host: as it was asked, maybe with a port; service: that the request was signed for; headers: of a LIST's answer,
    names in lower case.
    """
    name, server = host.partition(":")[0].lower(), headers.get("server", "")
    if is_amazon(name):  # but not directory buckets, Outposts and Object Lambda, which are services of their own:
        return service == "s3"  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html
    if server.startswith(_SEAWEEDFS):
        return False
    if (
        any(_is_below(name, domain) for domain in _SERVICES)
        or server == _MINIO
        or server.startswith(_CEPH)
        or _CEPH_REQUEST.fullmatch(headers.get("x-amz-request-id", ""))
    ):
        return True
    return None


def is_amazon(host: str) -> bool:
    """Whether a host name, without its port, is one of Amazon's."""
    return any(_is_below(host, domain) for domain in _amazons_domains())


def _is_below(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


@lru_cache(maxsize=1)
def _amazons_domains() -> frozenset[str]:
    """The domains of all of Amazon's partitions, as the installed botocore knows them."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - botocore takes longer to load than --help may

    partitions: list[dict[str, Any]] = create_loader().load_data("partitions")["partitions"]
    names = ("dnsSuffix", "dualStackDnsSuffix")
    return frozenset(partition["outputs"][name] for partition in partitions for name in names)
