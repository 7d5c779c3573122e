"""Bytes that are held together are bounded, and nobody waits for ever."""

import asyncio

from workers.completion.media.gate import ByteGate


async def test_who_would_hold_too_much_waits_and_is_not_overtaken() -> None:
    gate = ByteGate(10)
    order: list[str] = []

    async def hold(size: int) -> None:
        async with gate.held(size):
            order.append(str(size))

    async with gate.held(7):
        await hold(3)
        waiting = [asyncio.ensure_future(hold(size)) for size in (9, 1)]
        await asyncio.sleep(0)
        order.append("7")

    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert order == ["3", "7", "9", "1"]


async def test_what_is_larger_than_the_gate_passes_alone() -> None:
    gate = ByteGate(10)

    async with gate.held(50):
        waiting = asyncio.ensure_future(_hold(gate))
        await asyncio.sleep(0)
        assert not waiting.done()

    await asyncio.wait_for(waiting, 5)


async def test_who_waits_no_longer_holds_nothing() -> None:
    gate = ByteGate(10)

    async with gate.held(10):
        waiting = asyncio.ensure_future(_hold(gate))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    await asyncio.wait_for(_hold(gate), 5)


async def _hold(gate: ByteGate) -> None:
    async with gate.held(10):
        pass
