"""The server ends: whoever was just let in is told so, and does not hang on a connection that nobody serves."""

import asyncio
import gc
import socket

import pytest
from aiohttp import web

from bot.webhooks import server


@pytest.mark.parametrize("turns", range(6))
async def test_a_caller_in_the_last_moment_is_let_go(turns: int) -> None:
    with socket.socket() as caller:
        caller.settimeout(5)
        async with server.serve(web.Application(), host="127.0.0.1", port=0) as port:
            caller.connect(("127.0.0.1", port))  # at once: the loop learns of it in one of the next turns
            for _turn in range(turns):
                await asyncio.sleep(0)
        try:
            assert await asyncio.to_thread(caller.recv, 1) == b""
        except ConnectionResetError:
            assert turns < 2  # before it was accepted
    gc.collect()  # a transport that was left open would complain here


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])  # no "::1": not every machine has IPv6
async def test_the_host_is_an_address_or_a_name(host: str) -> None:
    async with server.serve(web.Application(), host=host, port=0) as port:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
