"""The local embeddings as a server of the stack: small, of words alone, and at hand without any network."""

import sys

from infra.embedded.check import answers_ok
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server

USUAL_PORT = 8093


async def embeddings_server(place: Place) -> Server:
    """OpenAI's route for embeddings on loopback."""
    port = place.ports.take(USUAL_PORT)

    async def ready() -> bool:
        return await answers_ok(port, "/health")

    return Server(
        name="embeddings",
        command=(sys.executable, "-m", "infra.embedded.embedder", "--port", str(port)),
        address=f"http://{HOST}:{port}/v1",
        ready=ready,
        offers={"JAN_PROVIDER_EMBEDDINGS_URL": f"http://{HOST}:{port}/v1"},
    )
