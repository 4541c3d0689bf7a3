"""The endpoint is found wherever botocore would find it."""

from pathlib import Path

import pytest

from streammerge.errors import UsageError
from streammerge.s3.endpoint import configured_endpoint
from streammerge.s3.options import Options

_CONFIG = """
[default]
region = us-east-1
[profile plain]
endpoint_url = http://plain:1
[profile service]
services = mine
[services mine]
s3 =
  endpoint_url = http://service:1
[profile amazon]
ignore_configured_endpoint_urls = true
endpoint_url = http://ignored:1
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of profiles, and no variables."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config"
    path.write_text(_CONFIG, "utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))


@pytest.mark.parametrize(
    ("options", "variables", "endpoint"),
    [
        (Options(), {}, None),
        (Options(profile="plain"), {}, "http://plain:1"),
        (Options(), {"AWS_PROFILE": "plain"}, "http://plain:1"),
        (Options(profile="service"), {}, "http://service:1"),
        (Options(profile="amazon"), {}, None),
        (Options(profile="plain"), {"AWS_ENDPOINT_URL": "http://all:1"}, "http://all:1"),
        (Options(), {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_S3": "http://s3:1"}, "http://s3:1"),
        (Options(), {"AWS_ENDPOINT_URL": "http://all:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
        (Options(endpoint_url="http://given:1", profile="plain"), {}, "http://given:1"),
    ],
)
def test_where_it_was_set(
    options: Options, variables: dict[str, str], endpoint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option comes first, then variables, then the profile; whoever ignores them reaches Amazon."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert configured_endpoint(options) == endpoint


def test_a_profile_that_is_missing() -> None:
    """It is named."""
    with pytest.raises(UsageError, match="nobody"):
        configured_endpoint(Options(profile="nobody"))
