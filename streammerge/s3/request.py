"""A frequent request, from its signature to the meaning of its answer."""

from collections.abc import Mapping

from streammerge.errors import ObjectError, StreamMergeError, TransientError
from streammerge.s3.clock import TOO_SKEWED
from streammerge.s3.connection import Address, OpenConnection
from streammerge.s3.error_codes import classify
from streammerge.s3.http import FAILED, UnsentError
from streammerge.s3.http_connection import LONGEST, Answer, Body
from streammerge.s3.passage import Passage
from streammerge.s3.xml import parse_error
from streammerge.transfer.feedback import first_byte

_OK = 200


async def send(
    connection: OpenConnection,
    method: str,
    address: Address,
    path: str,
    headers: dict[str, str],
    *,
    kind: str,
    what: str,
    query: str = "",
    time_limit: float | None = None,
    longest: int = LONGEST,
    body: Body | Passage = b"",
    passes: bool = False,
    success: int = _OK,
) -> Answer:
    """Sign a request, send it, and return its answer if that is a success.

    path and query: encoded. kind: what it is counted as. what: names it in an error.
    time_limit: seconds for the whole answer, by default those of the options. longest: bytes of the answer's body.
    body: goes unsigned; a checksum of it is among the headers, which are signed. success: the status of one.
    passes: as `HttpPool.send` has it.
    Raises what an answer that is no success means (`refused`), TransientError where there is none, IncompleteError
    where the credentials cannot be renewed.
    """
    await connection.sign(method, address, path, query, headers, kind=kind, has_body=len(body) > 0)
    try:
        answer = await connection.pool.send(
            method,
            address.root,
            f"{path}?{query}" if query else path,
            headers,
            time_limit=time_limit or connection.options.timeout,
            proxy=address.proxy,
            longest=longest,
            body=body,
            passes=passes,
        )
    except UnsentError as error:
        connection.requests[kind] -= 1
        raise unanswered(what, error.__cause__ or error) from error
    except FAILED as error:
        raise unanswered(what, error) from error
    except ObjectError as error:
        raise ObjectError(f"{what}: {error}", code=error.code) from error
    if answer.status != success:
        raise refused(connection, what, answer.status, bytes(answer.body), answer.headers)
    if not body:  # the answer to one waits for that
        first_byte(answer.waited)
    return answer


def unanswered(what: str, error: BaseException) -> TransientError:
    """What it means that no answer came, or none that can be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return TransientError(f"{what}: {reason}", code=type(error).__name__)


def refused(
    connection: OpenConnection, what: str, status: int, body: bytes, headers: Mapping[str, str]
) -> StreamMergeError:
    """What an answer that is no success means; the clock of the server is learnt where that is what is wrong."""
    error = from_body(what, status, body, headers)
    if isinstance(error, TransientError) and error.code == TOO_SKEWED:
        connection.clock.learn(headers)
    return error


def from_body(what: str, status: int, body: bytes, headers: Mapping[str, str]) -> StreamMergeError:
    """What an error in the body of an answer means, whatever its status."""
    fields = parse_error(body)
    if status == _OK:  # an error after the status line was sent, or a body that is no result
        status = 500
    return classify(
        what,
        status=status,
        code=fields.get("Code", ""),
        message=fields.get("Message", ""),
        request_id=fields.get("RequestId", "") or headers.get("x-amz-request-id", ""),
    )
