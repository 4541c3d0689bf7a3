"""HEAD, by botocore. Its answer has no body, so a refusal does not say why: a GET of one byte is asked, which does."""

from typing import Any

from streammerge.errors import ObjectError
from streammerge.s3.connection import Connection, rare

_UNEXPLAINED = (400, 403)  # no access, but also credentials that have expired, or a clock that is wrong
_UNSATISFIABLE = 416  # the object is empty


async def head_object(connection: Connection, what: str, **asked: Any) -> dict[str, Any]:
    """What botocore's `head_object` gives.

    Raises as `rare` does: where the HEAD is refused, what a GET says of the reason. If the GET knows of none, the HEAD
    is asked once more: it was refused for once, or HEADs are, as by a proxy, which is an ObjectError like any refusal.
    """
    try:
        return await _head(connection, what, asked)
    except ObjectError as error:
        if error.status not in _UNEXPLAINED:
            raise
    try:
        await rare(what, _get_a_byte(connection, asked), connection.options.timeout)
    except ObjectError as error:
        if error.status != _UNSATISFIABLE:
            raise
    return await _head(connection, what, asked)


async def _head(connection: Connection, what: str, asked: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await rare(what, connection.client.head_object(**asked), connection.options.timeout)
    return answer


async def _get_a_byte(connection: Connection, asked: dict[str, Any]) -> None:
    answer = await connection.client.get_object(**asked, Range="bytes=0-0")
    async with answer["Body"] as body:
        await body.read()
