"""Connections: how a source or the destination is reached, where that is not as the common options have it."""

from dataclasses import dataclass, fields

from streammerge.errors import UsageError
from streammerge.settings import Section, check_settings, setting

NOT_IN_URL = (
    "the endpoint's URL (--endpoint-url or AWS_ENDPOINT_URL) contains a user name or password, which S3 does "
    "not use. Remove them; keys come from the environment, a profile or a role"
)


@dataclass(frozen=True, slots=True)
class Connection:
    """Endpoint, region and profile by which a prefix is reached; what is None is as the common options have it.

    Each is a key of a source, or of the destination, in a job file. Raises UsageError where a value makes no sense.
    """

    endpoint_url: str | None = setting(
        None,
        "The S3 server of a source, if not that of --endpoint-url.",
        section=Section.CONNECTION,
        metavar="[NAME=]URL",
        option="--source-endpoint-url",
        argument="source_endpoint_urls",
    )
    region: str | None = setting(
        None,
        "Region of a source's bucket; detected if omitted.",
        section=Section.CONNECTION,
        metavar="[NAME=]REGION",
        option="--source-region",
        argument="source_regions",
    )
    profile: str | None = setting(
        None,
        "Profile of ~/.aws/config to reach a source with, if not with that of --profile.",
        section=Section.CONNECTION,
        metavar="[NAME=]PROFILE",
        option="--source-profile",
        argument="source_profiles",
    )
    requester_pays: bool | None = setting(
        None,
        "Pay for the requests to a source, as the owner of a requester-pays bucket demands.",
        section=Section.CONNECTION,
        argument="source_requester_pays",
        in_files_only=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if "@" in (self.endpoint_url or "").rpartition("://")[2].partition("/")[0]:
            raise UsageError(NOT_IN_URL)

    def over(self, common: "Connection") -> "Connection":
        """This connection, completed by `common`."""
        mine = {field.name: getattr(self, field.name) for field in fields(Connection)}
        return Connection(**{name: getattr(common, name) if value is None else value for name, value in mine.items()})

    def __str__(self) -> str:
        """The settings it has, in words; empty if it has none."""
        said = {"endpoint": self.endpoint_url, "region": self.region, "profile": self.profile}
        return ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)


COMMON = Connection()  # all as the common options have it
