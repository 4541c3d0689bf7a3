"""A hot call, from its signature to what its answer means: one signed request over the wire, one answer read whole."""

from collections.abc import Mapping

from streammerge.errors import ObjectError, StreamMergeError, TransientError
from streammerge.s3 import failures
from streammerge.s3.clock import TOO_SKEWED, learn_time
from streammerge.s3.connection import Address, Connection
from streammerge.s3.parsing import parse_error
from streammerge.s3.sessions import LONGEST
from streammerge.s3.wire import FAILED, Answer

_OK = 200


async def send(
    connection: Connection,
    method: str,
    address: Address,
    path: str,
    headers: dict[str, str],
    *,
    kind: str,
    what: str,
    query: str = "",
    patience: float | None = None,
    longest: int = LONGEST,
) -> Answer:
    """Sign a request, send it, and return its answer if that is a success.

    path and query: encoded. kind: what it is counted as. what: names it in an error.
    patience: seconds for the whole answer, by default those of the options. longest: bytes of a body.
    Raises what an answer that is no success means (`refused`), TransientError where there is none, IncompleteError
    where the credentials cannot be renewed.
    """
    await connection.sign(method, address, path, query, headers, kind=kind)
    try:
        answer = await connection.wire.send(
            method,
            address.root,
            f"{path}?{query}" if query else path,
            headers,
            patience=patience or connection.options.timeout,
            proxy=address.proxy,
            longest=longest,
        )
    except FAILED as error:
        raise unanswered(what, error) from error
    except ObjectError as error:
        raise ObjectError(f"{what}: {error}", code=error.code) from error
    if answer.status != _OK:
        raise refused(connection, what, answer.status, answer.body, answer.headers)
    return answer


def unanswered(what: str, error: Exception) -> TransientError:
    """What it means that no answer came, or none that can be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return TransientError(f"{what}: {reason}", code=type(error).__name__)


def refused(
    connection: Connection, what: str, status: int, body: bytes, headers: Mapping[str, str]
) -> StreamMergeError:
    """What an answer that is no success means; the clock of the server is learnt where that is what is wrong."""
    error = from_body(what, status, body, headers)
    if isinstance(error, TransientError) and error.code == TOO_SKEWED:
        learn_time(connection, headers)
    return error


def from_body(what: str, status: int, body: bytes, headers: Mapping[str, str]) -> StreamMergeError:
    """What an error in the body of an answer means, whatever its status."""
    fields = parse_error(body)
    if status == _OK:  # an error after the status line was sent, or a body that is no result
        status = 500
    return failures.classify(
        what,
        status=status,
        code=fields.get("Code", ""),
        message=fields.get("Message", ""),
        request_id=fields.get("RequestId", "") or headers.get("x-amz-request-id", ""),
    )
