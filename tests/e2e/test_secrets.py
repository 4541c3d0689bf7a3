"""No key, token or signature is in anything that a run leaves: what it prints, its journal, its page, its files."""

from pathlib import Path

import pytest

from command import environment, streammerge
from seeding import new_bucket, put_all
from servers import Server, connect

_TOKEN, _PASSWORD = "token-that-nobody-may-see", "password-that-nobody-may-see"


@pytest.mark.parametrize("secret", ["right", "wrong"])
def test_nothing_tells_a_secret(ceph: Server, moto_server: Server, tmp_path: Path, secret: str) -> None:
    """Whether the run succeeds, as on a server that takes any token, or S3 quotes the signature that it refuses."""
    server = moto_server if secret == "right" else ceph
    client = connect(server)
    bucket = new_bucket(client)
    put_all(client, bucket, {f"one/id/{number}.jpg": str(number).encode() for number in range(3)})
    client.close()
    key = server.secret_key if secret == "right" else "wrong-key-that-nobody-may-see"
    env = environment(server, AWS_SECRET_ACCESS_KEY=key, AWS_SESSION_TOKEN=_TOKEN, XDG_STATE_HOME=str(tmp_path))
    files = ["--html", str(tmp_path / "page.html"), "--classes", str(tmp_path / "c"), "-v", "--json"]
    into = f"s3://{bucket}/into/"
    ended = streammerge("merge", f"s3://{bucket}/one/", "--into", into, *files, env=env)
    assert (ended.code == 0) == (secret == "right")
    status = streammerge("status", env=env)
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert bool(left) == (secret == "right")
    told = b"".join([ended.out.encode(), ended.err.encode(), status.out.encode(), status.err.encode(), *left])
    assert (secret == "wrong") or b">-v</bdi>" in tmp_path.joinpath("page.html").read_bytes()  # the command
    for private in (key, _TOKEN, "Signature=", "X-Amz-Signature"):
        assert private.encode() not in told


@pytest.mark.parametrize(
    ("option", "scheme"),
    [(True, "http://"), (False, "http://"), (True, "")],
    ids=["option", "environment", "no URL"],
)
def test_a_password_in_the_endpoint_is_refused_and_not_repeated(tmp_path: Path, scheme: str, *, option: bool) -> None:
    """It would end up in messages, pages and journals: exit 2, without a word of it, before anything is sent."""
    endpoint = f"{scheme}somebody:{_PASSWORD}@127.0.0.1:9"
    env = environment(Server(endpoint, "KEY", "secret-that-nobody-may-see"), XDG_STATE_HOME=str(tmp_path))
    more = ["--endpoint-url", endpoint] if option else []
    ended = streammerge("merge", "s3://bucket/one/", "--into", "s3://bucket/into/", "--json", *more, env=env)
    assert ended.code == 2
    assert "contains a user name or password" in ended.report["error"]
    assert _PASSWORD not in ended.out + ended.err
    assert list(tmp_path.iterdir()) == []
