"""Credentials as botocore finds them, and messages about the profile, variable, program or file at fault.

Strategy: botocore runs programs, reads files and asks services to find credentials, and raises whatever they raise.
So the credentials that it finds are wrapped, for itself as for us, and what goes wrong at their first use or at a
renewal becomes one message that ends with the next step.
"""

import asyncio
import contextlib
import getpass
import logging
import os
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import botocore
import botocore.exceptions
from aiobotocore.session import AioSession
from botocore.loaders import Loader, create_loader

from streammerge.dataset.objects import printable
from streammerge.errors import IncompleteError, UsageError
from streammerge.s3.options import Options
from streammerge.s3.sdk import CheckedParsers
from streammerge.s3.sigv4 import Credentials

_log = logging.getLogger(__name__)
_LONG = 10.0  # seconds
# What botocore raises on account of the environment: its files, programs, variables and services
ENVIRONMENT = (
    botocore.exceptions.BotoCoreError,
    botocore.exceptions.ClientError,
    aiohttp.ClientError,
    AttributeError,  # JSON that is not an object
    EOFError,  # nobody to ask for an MFA code
    LookupError,
    OSError,
    RuntimeError,  # renewed credentials that have expired already
    TypeError,  # a time without a zone
    ValueError,
)
_NONE = (
    "no AWS credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, pass --profile, or attach a role to "
    "the instance; a container on EC2 reaches the role only if the instance's metadata hop limit is at least 2"
)
_EXPORT = 'eval "$(aws configure export-credentials --profile {} --format env)"'
_SSO = (
    botocore.exceptions.SSOError,
    botocore.exceptions.TokenRetrievalError,
    botocore.exceptions.NoAuthTokenError,
)


class _Loader(Loader):  # type: ignore[misc]  # it has no types
    """botocore's loader, which takes every folder for a service: to look into all 400 takes a tenth of our start."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the signature is botocore's
        """The names of all services, whatever is known of them."""
        folders = filter(os.path.isdir, self.search_paths)  # which is False where nobody may look
        return sorted({name for folder in folders for name in os.listdir(folder)})  # noqa: PTH208 - as botocore does


@cache
def _loader(paths: str | None) -> Loader:
    """What reads botocore's model of S3: once in a process, however many sessions there are."""
    return _Loader(extra_search_paths=create_loader(paths).search_paths, include_default_search_paths=False)


def read_model() -> None:
    """Read botocore's model of S3 ahead of any session of this process and its forks."""
    for kind in ("service-2", "paginators-1", "endpoint-rule-set-1"):
        _loader(None).load_service_model("s3", kind)


def open_session(options: Options, *, sends: bool = True) -> AioSession:
    """Botocore's session, with its files read.

    sends: whether it is to send requests; the handlers for them take most of its time.
    Raises UsageError where the profile or a file is not usable.
    """
    core = AioSession(profile=options.profile, include_builtin_handlers=sends)
    try:
        core.get_scoped_config()
        core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    except ENVIRONMENT as error:
        raise UsageError(f"cannot read the AWS configuration: {explain(error, core, options.profile)}") from error
    return core


async def load(core: AioSession, profile: str | None) -> "Renewed":
    """The credentials of a session, which gets them as well; they have been used once, so that they are there.

    Raises UsageError with the next step where there are none, or where they cannot be had.
    """
    core.register_component("response_parser_factory", CheckedParsers())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", getpass.GetPassWarning)  # without a terminal; what follows says so
            resolver = core.get_component("credential_provider")
            with _telling_of_a_wait(core, profile):
                found = await resolver.load_credentials()
                if found is not None:
                    await found.get_frozen_credentials()
    except ENVIRONMENT as error:
        raise UsageError(f"cannot get AWS credentials: {explain(error, core, profile)}") from error
    if found is None:
        raise UsageError(_login(core, profile) or f"{_NONE}{_not_files()}{suspects()}")
    renewed = Renewed(found, core, profile)
    core.register_component("credential_provider", _Found(renewed))
    return renewed


@contextlib.contextmanager
def _telling_of_a_wait(core: AioSession, profile: str | None) -> Iterator[None]:
    """Say what is waited for where it takes long: a program may wait for a person, so it is given any time."""
    name, settings = _profile(core, profile)
    whose = f" from the credential_process of profile {name}" if "credential_process" in settings else ""
    told = asyncio.get_running_loop().call_later(_LONG, _log.warning, "still waiting for AWS credentials%s", whose)
    try:
        yield
    finally:
        told.cancel()


class Renewed:
    """botocore's credentials, which are renewed before they expire."""

    def __init__(self, found: Any, core: AioSession, profile: str | None) -> None:
        self._found = found
        self._core = core
        self._profile = profile

    def __getattr__(self, name: str) -> Any:
        """Whatever else botocore asks of its credentials."""
        return getattr(self._found, name)

    async def get_frozen_credentials(self) -> Any:
        """As they are now, in botocore's form. Raises IncompleteError where they cannot be renewed."""
        try:
            return await self._found.get_frozen_credentials()
        except ENVIRONMENT as error:
            why = explain(error, self._core, self._profile)
            raise IncompleteError(
                f"cannot renew the credentials: {why}. Renew them and run the same command again"
            ) from error

    async def now(self) -> Credentials:
        """The same in our form."""
        frozen = await self.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@dataclass(frozen=True, slots=True)
class _Found:
    """A credential resolver, as botocore has them, of what was found."""

    credentials: Renewed

    async def load_credentials(self) -> Renewed:
        return self.credentials


def explain(error: Exception, core: AioSession, profile: str | None) -> str:
    """What went wrong with the environment, as a clause: what to look at comes last."""
    name, settings = _profile(core, profile)
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        name = error.kwargs["profile"]
        where = "--profile" if profile else "AWS_PROFILE"
        text = f"there is no profile {name!r} ({where}) in ~/.aws/config or ~/.aws/credentials{_not_files()}"
    elif isinstance(error, _SSO):
        text = f"the SSO session of profile {name} has expired or does not exist. Run: aws sso login --profile {name}"
    elif isinstance(error, EOFError | botocore.exceptions.RefreshWithMFAUnsupportedError):
        text = (
            f"profile {name} needs an MFA code and there is no terminal to ask for it. Export credentials where there "
            f"is one, and omit --profile: {_EXPORT.format(shlex.quote(name))}"
        )
    elif isinstance(error, OSError) and not isinstance(error, TimeoutError) and error.filename:
        text = _of_file(error, name, settings)
    elif "credential_process" in settings and isinstance(error, _BY_PROCESS):
        said = (
            "" if isinstance(error, _MISREAD) else printable(" ".join(str(error).split())).removeprefix(_FROM_PROCESS)
        )
        what = f"failed: {said}" if said else "did not print the JSON that it should"
        text = f"the credential_process of profile {name} {what}. Run it by hand to see what it prints"
    elif isinstance(error, TypeError):
        text = f"the time at which they expire lacks a time zone or is not a time ({error})"
    else:
        said = " ".join(printable(str(error)).split()) or type(error).__name__
        text = (said if isinstance(error, _SPEAKING) else f"{type(error).__name__}: {said}").rstrip(".")
    return f"{text}{suspects(text)}"


# Words of errors, and the variables that these errors are about
_TOPICS = {"metadata": "AWS_CONTAINER_CREDENTIALS_", "time zone": "AWS_CREDENTIAL_EXPIRATION"}
_MISREAD = (ValueError, LookupError, AttributeError)  # of what it printed
_BY_PROCESS = (*_MISREAD, botocore.exceptions.CredentialRetrievalError, RuntimeError)
_FROM_PROCESS = "Error when retrieving credentials from custom-process: "
_SPEAKING = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, RuntimeError)


def _of_file(error: OSError, profile: str, settings: dict[str, Any]) -> str:
    """A program that cannot be run, or a file that cannot be read."""
    name, reason = str(error.filename), error.strerror or type(error).__name__
    program = settings.get("credential_process", "")
    if program.split()[:1] == [name] or program.startswith(name):
        return (
            f"cannot run the credential_process of profile {profile}, {name}: {reason}. Use its absolute path; "
            "services and cron jobs have a short PATH"
        )
    if name in (os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), settings.get("web_identity_token_file")):
        return (
            f"cannot read the web identity token file {name} (AWS_WEB_IDENTITY_TOKEN_FILE, or "
            f"web_identity_token_file of profile {profile}): {reason}. Check that the token is mounted there"
        )
    return f"cannot read {name}: {reason}"


def _login(core: AioSession, profile: str | None) -> str:
    """What to say of a profile made by `aws login`, which this botocore passes over in silence; empty for others."""
    name, settings = _profile(core, profile)
    if "login_session" not in settings:
        return ""
    return (
        f"profile {name} signs in with `aws login`, which botocore {botocore.__version__} does not support. Pass "
        "a second profile that has the line: credential_process = aws configure export-credentials --profile "
        f"{shlex.quote(name)} --format process"
    )


def _profile(core: AioSession, profile: str | None) -> tuple[str, dict[str, Any]]:
    """The profile in use, and its settings as far as they can be read."""
    name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    try:
        return name, core.full_config["profiles"].get(name, {})
    except ENVIRONMENT:
        return name, {}


def _not_files() -> str:
    """A sentence on the variables that name AWS's files, where there is no such file; often none."""
    named = {name: os.environ.get(name) for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    return "".join(
        f". {name} is set to {value}, which is not a file"
        for name, value in named.items()
        if value and not Path(value).expanduser().is_file()
    )


def suspects(text: str = "") -> str:
    """A sentence on AWS's variables that an error is about, or that are set but empty; often none."""
    own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    topics = [topic for word, topic in _TOPICS.items() if word in text]
    about = sorted(name for name, value in own.items() if value and (value in text or name.startswith(tuple(topics))))
    about = [name for name in about if name not in text]
    empty = sorted(name for name, value in own.items() if not value)
    found = f". Check {', '.join(about)}" if about else ""
    return found + (f". Set but empty: {', '.join(empty)}; unset what you do not use" if empty else "")
