"""Environments in which credentials cannot be had: each ends in one sentence that names what to look at."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError

from streammerge.errors import IncompleteError, UsageError
from streammerge.s3.connection import connect
from streammerge.s3.credentials import open_session
from streammerge.s3.options import Options

_KEYS = {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "SECRET-OF-NOBODY"}
_CREDENTIALS = json.dumps(  # that have expired
    {
        "AccessKeyId": "KEY",
        "SecretAccessKey": "SECRET-OF-NOBODY",
        "SessionToken": "t",
        "Expiration": "2020-01-01T00:00:00Z",
    }
).replace("{", '{"Version": %d, ')
_ROLE = "role_arn = arn:aws:iam::111122223333:role/R"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and nothing of AWS's in the environment."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (tmp_path / ".aws").mkdir()
    return tmp_path


def test_the_model_of_s3_is_read_once(home: Path) -> None:
    """Sessions share what reads it, where it lies at the same place."""
    one, other = (open_session(Options()).get_component("data_loader") for _ in range(2))
    assert one is other
    assert str(home) not in one.search_paths


@pytest.mark.parametrize("service", ["s3", "sts", "sso", "sso-oidc"])
def test_services_of_credentials_are_known(home: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """Whatever the paths in the environment lead to; any other is an error of botocore's, as ever."""
    (home / "file").touch()
    monkeypatch.setenv("AWS_DATA_PATH", os.pathsep.join(["", str(home / "missing"), str(home / "file")]))
    loader = open_session(Options()).get_component("data_loader")
    assert loader.load_service_model(service, "service-2")["operations"]
    with pytest.raises(UnknownServiceError):
        loader.load_service_model("no-such-service", "service-2")


async def _refused(profile: str | None = None) -> str:
    with pytest.raises(UsageError) as refused:
        async with connect(Options(profile=profile)):
            pass
    assert "SECRET-OF-NOBODY" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("credential_process = corp-login --json",
         ["cannot run the credential_process of profile me, corp-login: No such file", "absolute path"]),
        ("credential_process = echo nonsense", ["credential_process of profile me did not print", "Run it by hand"]),
        ("credential_process = echo []", ["credential_process of profile me did not print"]),
        ('credential_process = echo {"Version":1}', ["credential_process of profile me did not print"]),
        ("credential_process = false", ["credential_process of profile me"]),
        ("credential_process = sh -c 'echo no ticket >&2; exit 3'",
         ["credential_process of profile me failed: no ticket. Run it by hand"]),
        (f"credential_process = echo '{_CREDENTIALS % 2}'",
         ["credential_process of profile me failed: Unsupported version '2'"]),
        (f"credential_process = echo '{_CREDENTIALS % 1}'",
         ["credential_process of profile me failed: Credentials were refreshed, but"]),
        ("login_session = arn:aws:iam::111122223333:user/me",
         ["profile me signs in with `aws login`", "export-credentials --profile me --format process"]),
        ("sso_start_url = https://x.test/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = R",
         ["SSO session of profile me", "aws sso login --profile me"]),
        (("sso_session = s\nsso_account_id = 1\nsso_role_name = R\n[sso-session s]\nsso_region = us-east-1\n"
          "sso_start_url = https://x.test/start"), ["SSO session of profile me", "aws sso login --profile me"]),
        (f"{_ROLE}\nweb_identity_token_file = /nowhere/token",
         ["cannot read the web identity token file /nowhere/token", "profile me", "No such file"]),
        (f"{_ROLE}\nsource_profile = other", ["other"]),
        (f"{_ROLE}\nsource_profile = me", ["me"]),
        (f"{_ROLE}\ncredential_source = Moon", ["Moon"]),
        ("aws_access_key_id = KEY", ["aws_secret_access_key"]),
        ("region = us-east-1", ["no AWS credentials found", "AWS_ACCESS_KEY_ID", "--profile", "hop limit"]),
    ],
)  # fmt: skip
async def test_a_profile_without_credentials(home: Path, settings: str, named: list[str]) -> None:
    """The profile, its program or file is named, and the next step."""
    (home / ".aws/config").write_text(f"[profile me]\n{settings}\n")
    message = await _refused("me")
    for fragment in named:
        assert fragment in message


async def test_a_program_that_takes_its_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may wait for a person: what is waited for is told, and only then."""
    (home / ".aws/config").write_text("[profile me]\ncredential_process = sleep 1\n")
    monkeypatch.setattr("streammerge.s3.credentials._LONG", 0.01)
    assert "did not print" in await _refused("me")
    said = "still waiting for AWS credentials from the credential_process of profile me"
    assert [record.getMessage() for record in caplog.records if record.name == "streammerge.s3.credentials"] == [said]


def test_mfa_without_a_terminal(home: Path) -> None:
    """Nobody can be asked for a code; that is no interruption."""
    (home / ".aws/config").write_text(
        f"[profile me]\n{_ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n"
        "[profile base]\naws_access_key_id = KEY\naws_secret_access_key = SECRET-OF-NOBODY\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "streammerge", "inspect", "s3://bucket/a/", "--profile", "me"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # without a terminal
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "profile me needs an MFA code and there is no terminal" in ended.stderr
    assert "export-credentials --profile me --format env" in ended.stderr
    assert "interrupted" not in ended.stderr


@pytest.mark.parametrize("name", ["/nowhere/token", "/"])
async def test_a_token_that_is_not_mounted(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The variable and the file are named."""
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", name)
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/R")
    message = await _refused()
    assert f"cannot read the web identity token file {name} (AWS_WEB_IDENTITY_TOKEN_FILE" in message
    assert home.name not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_PROFILE", ""),
        ("AWS_DEFAULT_REGION", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_METADATA_SERVICE_TIMEOUT", ""),
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon"),
        ("AWS_RETRY_MODE", ""),
        ("AWS_RETRY_MODE", "often"),
        ("AWS_DEFAULTS_MODE", "mine"),
        ("AWS_ENDPOINT_URL", "localhost:9000"),
        ("AWS_CREDENTIAL_EXPIRATION", "2026-01-01"),
        ("AWS_CREDENTIAL_EXPIRATION", "never"),
        ("AWS_PROFILE", "nobody"),
    ],
)
@pytest.mark.usefixtures("home")
async def test_a_variable_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """Empty or wrong, it is named."""
    for name, given in {**_KEYS, variable: value}.items():
        monkeypatch.setenv(name, given)
    assert variable in await _refused()


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
async def test_a_file_that_is_none(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A variable that names a directory, or nothing, is named where no credentials are found."""
    for value in (str(home), str(home / "nothing")):
        monkeypatch.setenv(variable, value)
        assert f"{variable} is set to {value}, which is not a file" in await _refused()


@pytest.mark.parametrize("content", ["nonsense", "[profile me\n", "\0\xff"])
async def test_a_config_file_that_cannot_be_read(home: Path, content: str) -> None:
    """It is named."""
    (home / ".aws/config").write_bytes(content.encode("latin-1"))
    assert ".aws/config" in await _refused()


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/x", "nonsense"])
@pytest.mark.usefixtures("home")
async def test_a_container_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """The variables by which containers get credentials are named."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    assert "AWS_CONTAINER_CREDENTIALS_" in await _refused()


async def test_a_bug_of_ours_is_none_of_the_credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a renewal raises is told as such; what our own code raises surfaces as it is."""
    script, fails = home / "process", home / "fails"
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 120))
    answer = {"Version": 1, "AccessKeyId": "K", "SecretAccessKey": "S", "SessionToken": "T", "Expiration": soon}
    script.write_text(f"#!/bin/sh\nif [ -e {fails} ]; then echo gone >&2; exit 1; fi\necho '{json.dumps(answer)}'\n")
    script.chmod(0o755)
    (home / ".aws/config").write_text(f"[default]\ncredential_process = {script}\n")
    async with connect(Options()) as connection:
        fails.touch()
        with pytest.raises(IncompleteError, match=r"cannot renew the credentials: .*gone.*run the same command again"):
            await connection.renewed.now()
        fails.unlink()
        monkeypatch.setattr("streammerge.s3.credentials.Credentials", None)
        with pytest.raises(TypeError):
            await connection.renewed.now()
