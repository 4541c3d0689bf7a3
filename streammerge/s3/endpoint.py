"""The configured endpoint, known before a connection is opened: from an option, a variable or a profile."""

from botocore.configprovider import ConfiguredEndpointProvider

from streammerge.errors import UsageError
from streammerge.s3.credentials import ENVIRONMENT, explain, open_session
from streammerge.s3.options import Options


def configured_endpoint(options: Options) -> str | None:
    """The URL of the endpoint as botocore resolves it; None for Amazon's.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    Raises UsageError where the profile or its file is not usable.
    """
    if options.endpoint_url:
        return options.endpoint_url
    session = open_session(options, sends=False)
    try:
        if session.get_config_variable("ignore_configured_endpoint_urls"):
            return None
        found: str | None = ConfiguredEndpointProvider(
            full_config=session.full_config, scoped_config=session.get_scoped_config(), client_name="s3"
        ).provide()
    except ENVIRONMENT as error:
        raise UsageError(f"cannot find the endpoint: {explain(error, session, options.profile)}") from error
    return found or None
