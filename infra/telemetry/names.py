"""The names of spans, attributes and metrics, spelled once.

Attributes follow OpenTelemetry's semantic conventions. That an attribute must be one of these is also the
guard which keeps prompts and secrets out of traces: there is no name to put them under.
"""

from enum import StrEnum


class Operation(StrEnum):
    """What a span does; a span is named by its operation and its target, such as `send events.v1`."""

    SEND = "send"
    PROCESS = "process"
    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    EXECUTE_TOOL = "execute_tool"

    def span(self, target: str) -> str:
        """The name of a span that does this to a topic, or with a model."""
        return f"{self.value} {target}"


class Attribute(StrEnum):
    """Every attribute that a span may carry."""

    ERROR_TYPE = "error.type"

    HTTP_METHOD = "http.request.method"
    HTTP_ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    URL_PATH = "url.path"
    URL_SCHEME = "url.scheme"
    SERVER_ADDRESS = "server.address"
    SERVER_PORT = "server.port"
    CLIENT_ADDRESS = "client.address"
    USER_AGENT = "user_agent.original"

    MESSAGING_SYSTEM = "messaging.system"
    MESSAGING_OPERATION = "messaging.operation.name"
    MESSAGING_OPERATION_TYPE = "messaging.operation.type"
    MESSAGING_DESTINATION = "messaging.destination.name"
    MESSAGING_PARTITION = "messaging.destination.partition.id"
    MESSAGING_GROUP = "messaging.consumer.group.name"
    MESSAGING_CLIENT = "messaging.client.id"
    MESSAGING_MESSAGE_ID = "messaging.message.id"
    MESSAGING_BODY_SIZE = "messaging.message.body.size"
    KAFKA_OFFSET = "messaging.kafka.offset"
    KAFKA_KEY = "messaging.kafka.message.key"

    GEN_AI_OPERATION = "gen_ai.operation.name"
    GEN_AI_PROVIDER = "gen_ai.provider.name"
    GEN_AI_TOOL = "gen_ai.tool.name"
    GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
    GEN_AI_REQUEST_STREAM = "gen_ai.request.stream"
    GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
    GEN_AI_REQUEST_TEMPERATURE = "gen_ai.request.temperature"
    GEN_AI_REQUEST_TOP_P = "gen_ai.request.top_p"
    GEN_AI_RESPONSE_ID = "gen_ai.response.id"
    GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
    GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
    GEN_AI_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
    GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
    GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
    GEN_AI_CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
    GEN_AI_REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"

    JOB_ID = "jan.job.id"
    JOB_KIND = "jan.job.kind"
    JOB_LANE = "jan.job.lane"
    JOB_ATTEMPT = "jan.job.attempt"
    REQUEST_ID = "jan.request.id"
    TENANT = "jan.tenant"


KAFKA = "kafka"
"""The value of `messaging.system`."""


class Metric(StrEnum):
    """Every metric of the product; a counter's `_total` is part of its name."""

    BUILD = "jan_build"

    HTTP_REQUESTS = "jan_http_requests_total"
    HTTP_SECONDS = "jan_http_request_seconds"
    ERRORS = "jan_errors_total"
    JOBS_ACCEPTED = "jan_jobs_accepted_total"
    JOBS_REFUSED = "jan_jobs_refused_total"
    LANE_WAITING = "jan_lane_waiting"
    LANE_WAIT = "jan_lane_expected_wait_seconds"
    STREAMS_OPEN = "jan_streams_open"
    CONNECTIONS_OPEN = "jan_connections_open"
    CONNECTIONS_REFUSED = "jan_connections_refused_total"
    FIRST_TOKEN = "jan_first_token_seconds"  # noqa: S105  a metric, not a token

    JOBS_IN_FLIGHT = "jan_jobs_in_flight"
    JOB_SECONDS = "jan_job_seconds"
    QUEUE_WAIT = "jan_queue_wait_seconds"
    RETRIES = "jan_job_retries_total"
    DEAD_LETTERS = "jan_dead_letters_total"
    BACKLOG = "jan_consumer_backlog"
    COMMITS = "jan_consumer_commits_total"
    REBALANCES = "jan_consumer_rebalances_total"
    PAUSES = "jan_consumer_pauses_total"

    PROVIDER_FIRST_TOKEN = "jan_provider_first_token_seconds"  # noqa: S105  a metric, not a token
    PROVIDER_ERRORS = "jan_provider_errors_total"
    PROVIDER_BREAKER = "jan_provider_breaker"
    TOKENS = "jan_tokens_total"

    RELAY_FRAMES = "jan_relay_frames_total"
    TOOL_SECONDS = "jan_tool_seconds"
    RESPONSE_SECONDS = "jan_response_seconds"
    RESPONSE_STEPS = "jan_response_steps_total"
    WEBHOOK_SECONDS = "jan_webhook_seconds"
    SEARCH_CALLS = "jan_search_engine_calls_total"
    SEARCH_BREAKER = "jan_search_engine_breaker"
    MEDIA_SWEPT = "jan_media_swept_total"
    LEDGER_EVENTS = "jan_ledger_events_total"
    LEDGER_BATCH = "jan_ledger_batch_seconds"
