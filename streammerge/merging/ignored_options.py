"""Checks whether a store honoured the options for copies: several silently ignore what they do not know."""

import contextlib
from collections.abc import Iterator

from streammerge.dataset.objects import Location, printable
from streammerge.dataset.sample import Sample
from streammerge.errors import S3Error
from streammerge.s3.client import S3Client
from streammerge.s3.objects import Head
from streammerge.s3.options import Options

_LOOKS = 16  # copies looked at
_READERS = {"authenticated-read": "AuthenticatedUsers", "public-read": "AllUsers"}  # groups that a canned ACL lets read


def copies_to_check(options: Options) -> Sample[str] | None:
    """A sample to collect the keys of copies in; None where the options ask for nothing that could be ignored."""
    if options.tags == "drop" or options.storage_class or options.encryption:
        return Sample(_LOOKS)
    return Sample(1) if options.acl in _READERS else None


async def ignored_options(store: S3Client, destination: Location, copies: Sample[str]) -> list[str]:
    """A warning for each option that some of the copies do not have; copies that may not be looked at tell nothing."""
    found: dict[str, str] = {}
    objects, readers = store.objects_at(destination), _READERS.get(store.options.acl or "")
    for key in copies:
        with contextlib.suppress(S3Error):
            if readers is not None:
                asked, readers = readers, None  # once is enough
                if asked not in await objects.readers(destination.bucket, key):
                    found[f"--acl {store.options.acl}"] = f"{printable(key)!r} may not be read by {asked}"
        with contextlib.suppress(S3Error):
            head = await objects.head(destination.bucket, key)
            for option, what in _ignored(store.options, head) if head is not None else ():
                found.setdefault(option, f"{printable(key)!r} {what}")
    return [f"this store ignores {option}: {example}" for option, example in found.items()]


def _ignored(options: Options, head: Head) -> Iterator[tuple[str, str]]:
    if options.tags == "drop" and head.tags:
        yield "--tags drop", "has the tags of its source"
    storage_class = head.object.storage_class or "STANDARD"  # Amazon does not name the usual one
    if options.storage_class and storage_class != options.storage_class:
        yield f"--storage-class {options.storage_class}", f"has the class {storage_class}"
    if options.encryption and head.encryption != options.encryption:
        yield f"--encryption {options.encryption}", f"is encrypted with {head.encryption or 'nothing that it names'}"
