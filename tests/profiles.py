"""Servers with different keys, each reached by a profile of its own."""

from collections.abc import Mapping
from pathlib import Path

from command import environment
from servers import Server


def profiles(folder: Path, servers: Mapping[str, Server], *, endpoints: bool = True) -> dict[str, str]:
    """An environment with a profile for each server, and no keys beside them.

    endpoints: the profiles also say where the servers are.
    """
    config, credentials = folder / "config", folder / "credentials"
    config.write_text(
        "".join(
            f"[profile {name}]\nregion = {server.region}\n"
            + (f"endpoint_url = {server.endpoint_url}\n" if endpoints else "")
            for name, server in servers.items()
        )
    )
    credentials.write_text(
        "".join(
            f"[{name}]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
            for name, server in servers.items()
        )
    )
    return environment(None, AWS_CONFIG_FILE=str(config), AWS_SHARED_CREDENTIALS_FILE=str(credentials))
