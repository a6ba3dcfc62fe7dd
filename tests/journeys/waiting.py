"""Waiting for what must become true, with a limit and no fixed sleeps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_Found = TypeVar("_Found")


async def until(look: Callable[[], _Found], *, within: float = 10.0) -> _Found:
    """What `look` returns once it is true; raises TimeoutError with the last thing seen."""

    async def at_once() -> _Found:
        return look()

    return await until_async(at_once, within=within)


async def until_async(look: Callable[[], Awaitable[_Found]], *, within: float = 10.0) -> _Found:
    """The same for what has to be awaited."""
    seen = await look()
    try:
        async with asyncio.timeout(within):
            while not seen:
                await asyncio.sleep(0.01)
                seen = await look()
    except TimeoutError as error:
        raise TimeoutError(f"still {seen!r} after {within} s") from error
    return seen
