"""`python -m tests.upstream --port 8099`: the scripted provider as a process, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal

from tests.upstream.script import Script
from tests.upstream.server import open_upstream


async def serve(host: str, port: int, script: Script) -> None:
    """Listen until a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_upstream(host, port) as upstream:
        upstream.always(script)
        print(f"listening on {upstream.url}", flush=True)
        await stop.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, which is printed")
    parser.add_argument(
        "--script", default="", help="how it answers, as in a model's name: tokens=30&gap=0.1"
    )
    options = parser.parse_args()
    script = Script.named(f"?{options.script}", Script()) if options.script else Script()
    asyncio.run(serve(options.host, options.port, script))


if __name__ == "__main__":
    main()
