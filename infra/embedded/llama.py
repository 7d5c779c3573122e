"""The process of the local model: llama.cpp's server until it is told to end."""

import argparse
import signal

import xllamacpp  # type: ignore[import-untyped]

SLOTS = 4
"""Requests that are decoded at once; more wait in its queue."""
CONTEXT = 8_192
"""Tokens of all slots together."""
HTTP_THREADS = 64
"""Each open stream or waiting request holds one of them; idle ones cost nothing."""
QUIET = 1
"""llama.cpp's log level for errors: its other levels print prompts."""


def main() -> None:
    """Serve the weights on the port until a signal comes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    chosen = parser.parse_args()
    server = xllamacpp.Server(parameters(chosen.weights, chosen.model, chosen.port, chosen.threads))
    print(f"{chosen.model} at {server.listening_address}", flush=True)  # noqa: T201 - this is its log
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def parameters(weights: str, model: str, port: int, threads: int) -> xllamacpp.CommonParams:
    """How llama.cpp is to serve."""
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {model}
    params.port = port
    params.n_ctx = CONTEXT
    params.n_parallel = SLOTS
    params.n_threads_http = HTTP_THREADS
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.endpoint_slots = False
    params.verbosity = QUIET
    return params


if __name__ == "__main__":
    main()
