"""The demo, step by step: what it does and what it prints."""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streammerge.dataset.job import make_job
from streammerge.dataset.objects import Location
from streammerge.demo.server import Server, answers, seaweedfs
from streammerge.errors import RunError, UsageError
from streammerge.inspection.run import inspect
from streammerge.merging.run import merge, plan
from streammerge.report.text import render_text
from streammerge.s3.options import Options

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from streammerge.inspection.report import InspectionReport
    from streammerge.planning.report import Report

Say = Callable[[str], None]
_SHOWN = 12  # identities on a page


def tell(say: Say, run: "Callable[[Coroutine[Any, Any, Any]], Any]", *, keep: bool = False) -> None:
    """Start a server, fill it, inspect, merge, show the reports and what to try next; only their pages are left.

    say: prints a message. run: runs a coroutine to its end. keep: keep the server running until Ctrl-C.
    Raises UsageError if the extra `demo` is not installed, RunError if the server fails.
    """
    try:
        from streammerge.demo import dataset  # noqa: PLC0415 - Pillow comes with the extra
    except ImportError:
        raise UsageError("the demo needs Pillow. In a checkout, run: pip install '.[demo]'") from None
    say("Starting a real S3 server (SeaweedFS) on this machine ...")
    with seaweedfs() as server, _environment_of(server):
        count = run(_fill(dataset.BUCKET, dict(dataset.objects()), server))
        sources = [f"s3://{dataset.BUCKET}/{prefix}" for prefix in (dataset.PHOTOS, dataset.FACES)]
        into = f"s3://{dataset.BUCKET}/{dataset.MERGED}"
        say(f"{server.endpoint_url} is up and holds {count} objects: two data sets of small")
        say("portraits and, at the destination, two files of an earlier training run.\n")
        pages = _steps(say, run, sources, into, Options(endpoint_url=server.endpoint_url))
        folder = Path(sys.executable).parent
        say(_EXPLANATION.format(command=folder / "streammerge"))
        say("Pages of these reports, with images, to open in a browser:")
        for page in _written(pages):
            say(f"  {page}")
        say("")
        if not keep:
            say(_PLAY)
        else:
            say(_KEPT.format(server=server, folder=folder, sources=sources))
            with contextlib.suppress(KeyboardInterrupt):
                while answers(int(server.endpoint_url.rpartition(":")[2])):
                    time.sleep(1)
                raise RunError("the demo's server stopped unexpectedly; run `streammerge demo --keep` again")
    say("The demo's server is stopped and its data removed.")


def _steps(
    say: Say, run: "Callable[[Coroutine[Any, Any, Any]], Any]", sources: list[str], into: str, options: Options
) -> dict[str, str]:
    """Inspect, plan with a namespace, merge, and merge again; returns the pages of the reports, by command."""
    both = f"{sources[0]} \\\n        {sources[1]}"
    pictures = f"--html {{}}.html --thumbnails {_SHOWN}"
    say("Inspect them first:\n")
    say(f"  $ streammerge inspect {both} \\\n        --duplicates {pictures.format('inspect')}\n")
    found: InspectionReport = run(inspect(sources, options, noise=True, thumbnails=_SHOWN))
    shown = [section for section in found.describe().sections if section.title in ("Together", "A merge would keep")]
    say(render_text(replace(found.describe(), sections=shown)))

    layouts = [f"{prefix.name}={prefix.layout}" for prefix in found.prefixes if prefix.layout_proposed]
    command = f"{both} \\\n        --into {into} \\\n        " + " ".join(f"--layout '{text}'" for text in layouts)
    say("\nWhere equal names mean different people, a namespace keeps them apart:")
    say(f"\n  $ streammerge plan {command} \\\n        --namespace faces_only=faces-\n")
    namespaces = ["photos=", "faces_only=faces-"]
    apart: Report = run(plan(make_job(sources, into, layouts=layouts, namespaces=namespaces), options))
    say(f"  Total identities: {apart.identities}   From multiple sources: {apart.multi_source}\n")

    say("Here they mean the same people. Merge them, with the layout inspect inferred:")
    say(f"\n  $ streammerge merge {command} \\\n        {pictures.format('merge')}\n")
    job = make_job(sources, into, layouts=layouts)
    merged: Report = run(merge(job, options, thumbnails=_SHOWN))
    say(str(merged))
    say("\nRun the same command again, as after an interruption:\n")
    again: Report = run(merge(job, options))
    say(f"  Copied: {again.copied}   Already there: {again.already_present}   Failed: {again.failed}\n")
    return {"inspect": found.to_html(), "merge": merged.to_html()}


def _written(pages: dict[str, str]) -> list[Path]:
    """The files that the pages are written to, which stay."""
    folder = Path(tempfile.mkdtemp(prefix="streammerge-demo-"))
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, "utf-8")
    return [folder / f"{name}.html" for name in pages]


_EXPLANATION = """\
What the report shows:
- person-004, -005 and -006 have one image in each set. Each set alone is below
  the default of --min-images 2, but images are counted across both sets, so
  they are kept. Identities with one image in total (001 to 003, 025 to 036)
  are skipped.
- person-010_face.png is the same image in both sets and is copied once.
  person-011_face.png is a different image in each: both are kept, the second
  one as person-011_face_faces_only.png.
- A trainer would have read the stale train.rec and train.idx instead of the
  folders. streammerge reports them and leaves them alone.

What to try next, with your own data (credentials as for the aws command):
  streammerge plan  s3://BUCKET/A/ s3://BUCKET/B/ --into s3://BUCKET/MERGED/
  streammerge merge s3://BUCKET/A/ s3://BUCKET/B/ --into s3://BUCKET/MERGED/
  streammerge merge --help
(If your shell does not find streammerge, it is {command})
"""

_PLAY = "To experiment with this data, keep the server running:  streammerge demo --keep\n"

_KEPT = """\
The server runs until you press Ctrl-C. In another terminal:
  export PATH="{folder}:$PATH"
  export AWS_ENDPOINT_URL={server.endpoint_url}
  export AWS_DEFAULT_REGION={server.region}
  export AWS_ACCESS_KEY_ID={server.access_key}
  export AWS_SECRET_ACCESS_KEY={server.secret_key}
  streammerge plan {sources[0]} --into s3://demo/again/
"""


@contextlib.contextmanager
def _environment_of(server: Server) -> Iterator[None]:
    """The environment of a user of this server and no other."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID=server.access_key,
        AWS_SECRET_ACCESS_KEY=server.secret_key,
        AWS_DEFAULT_REGION=server.region,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY="127.0.0.1",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _fill(bucket: str, objects: dict[str, bytes], server: Server) -> int:
    """Make a bucket and its objects, by the requests that relays write with: botocore's take as long as a merge."""
    from streammerge.s3.connection import connect  # noqa: PLC0415 - takes longer to load than --help may
    from streammerge.s3.probe import probe  # noqa: PLC0415
    from streammerge.s3.request import send  # noqa: PLC0415
    from streammerge.s3.sigv4 import encode_path  # noqa: PLC0415

    async with connect(Options(endpoint_url=server.endpoint_url)) as connection, asyncio.TaskGroup() as group:
        await connection.client.create_bucket(Bucket=bucket)
        await probe(connection, Location(bucket, ""))
        address = connection.addresses[bucket]
        for key, body in objects.items():
            path = f"{address.path}/{encode_path(key)}"
            group.create_task(send(connection, "PUT", address, path, {}, kind="put", what=f"PUT {key}", body=body))
    return len(objects)
