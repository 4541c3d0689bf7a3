"""The old way: download every source, merge on disk, upload the result. A process of its own.

python benchmarks/peer_old_way.py ENDPOINT DESTINATION SOURCE...
"""

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config

WORKERS = 32


def main(endpoint: str, destination: str, *sources: str) -> None:
    client = boto3.client("s3", endpoint_url=endpoint, config=Config(max_pool_connections=2 * WORKERS))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        merged = Path(folder, "merged")
        for number, source in enumerate(sources):
            bucket, _, prefix = source.partition("/")
            local = Path(folder, str(number))

            def download(key: str, bucket: str = bucket, prefix: str = prefix, local: Path = local) -> None:
                path = local / key.removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, key, str(path))

            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for _ in pool.map(download, (entry["Key"] for page in pages for entry in page.get("Contents", []))):
                pass
            shutil.copytree(local, merged, dirs_exist_ok=True, copy_function=shutil.move)
        bucket, _, into = destination.partition("/")

        def upload(path: Path) -> None:
            client.upload_file(str(path), bucket, into + str(path.relative_to(merged)))

        for _ in pool.map(upload, (path for path in merged.rglob("*") if path.is_file())):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
