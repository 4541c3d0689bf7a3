"""What a `fault_proxy` may do to a request: each function is one thing that networks and servers do at times."""

import asyncio
import email.utils
from functools import partial

from fault_proxy import Act, Exchange

_DRIP = 0.1  # seconds from one byte to the next


def error(code: str) -> bytes:
    """An error as S3 words it."""
    message = f"<Message>The proxy says {code}.</Message><RequestId>PROXY1</RequestId>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>{message}</Error>'.encode()


async def _refuse(status: int, code: str, exchange: Exchange, **headers: str) -> None:
    await exchange.answer(status, error(code), Content_Type="application/xml", **headers)


async def _web_page(status: int, exchange: Exchange) -> None:
    body = b"<html>\r\n<head><title>Oops</title></head>\r\n<body><center><h1>Oops</h1><hr></center></body>\r\n</html>"
    await exchange.answer(status, body, Content_Type="text/html")


slow_down: Act = partial(_refuse, 503, "SlowDown")
internal_error: Act = partial(_refuse, 500, "InternalError")
bad_gateway: Act = partial(_web_page, 502)
gateway_timeout: Act = partial(_web_page, 504)
ok_internal_error: Act = partial(_refuse, 200, "InternalError")
ok_slow_down: Act = partial(_refuse, 200, "SlowDown")
expired_token: Act = partial(_refuse, 400, "ExpiredToken")
access_denied: Act = partial(_refuse, 403, "AccessDenied")


async def slow_down_retry_after(exchange: Exchange) -> None:
    """503 SlowDown that asks for a pause of a second."""
    await _refuse(503, "SlowDown", exchange, Retry_After="1")


async def slow_down_for_ever(exchange: Exchange) -> None:
    """503 SlowDown that asks for a pause of a day."""
    await _refuse(503, "SlowDown", exchange, Retry_After="86400")


async def time_skewed(exchange: Exchange) -> None:
    """400 RequestTimeTooSkewed, with the right time."""
    await _refuse(400, "RequestTimeTooSkewed", exchange, Date=email.utils.formatdate(usegmt=True))


async def moved(exchange: Exchange) -> None:
    """301 to another region."""
    await _refuse(301, "PermanentRedirect", exchange, x_amz_bucket_region="eu-west-1")


async def moved_for_now(exchange: Exchange) -> None:
    """307 to another region, with nothing that says so but the status and where to go."""
    await exchange.answer(307, Location="http://127.0.0.1:9/elsewhere")


async def reset_before(exchange: Exchange) -> None:
    """RST instead of an answer; nothing was done."""
    exchange.reset()


async def reset_after(exchange: Exchange) -> None:
    """RST instead of the answer; all was done."""
    await exchange.forward()
    exchange.reset()


async def half_closed(exchange: Exchange) -> None:
    """FIN in the middle of the answer, and an ear that stays open."""
    forwarded = await exchange.forward()
    await exchange.send(forwarded.head + forwarded.body[: len(forwarded.body) // 2])
    exchange.half_close()
    await exchange.until_left()


async def body_cut(exchange: Exchange) -> None:
    """An answer that announces more than comes before the connection is closed."""
    forwarded = await exchange.forward()
    await exchange.send(forwarded.head + forwarded.body[:-20])
    exchange.close()


async def xml_cut(exchange: Exchange) -> None:
    """An answer that lacks its end, with a length that matches."""
    body = (await exchange.forward()).content
    await exchange.answer(200, body[: len(body) * 2 // 3])


async def xml_malformed(exchange: Exchange) -> None:
    """An answer with an end tag that does not match."""
    body = (await exchange.forward()).content
    await exchange.answer(200, body.replace(b"</", b"</x", 1))


async def empty(exchange: Exchange) -> None:
    """200 OK with nothing."""
    await exchange.answer(200)


async def slow_loris(exchange: Exchange) -> None:
    """The right answer, so slowly that it never comes to its end."""
    forwarded = await exchange.forward()
    leaving = asyncio.ensure_future(exchange.until_left())
    for byte in forwarded.head + forwarded.body:
        await asyncio.wait([leaving], timeout=_DRIP)
        if leaving.done():
            break
        await exchange.send(bytes([byte]))
    await leaving


async def no_answer(exchange: Exchange) -> None:
    """Nothing at all."""
    await exchange.until_left()


HANGING = ("slow_loris", "no_answer")
PASSING = (
    *("slow_down", "slow_down_retry_after", "slow_down_for_ever", "internal_error", "bad_gateway", "gateway_timeout"),
    *("ok_internal_error", "ok_slow_down", "time_skewed", "reset_before", "reset_after", "half_closed"),
    *("body_cut", "xml_cut", "xml_malformed", "empty", "slow_loris", "no_answer"),
)
