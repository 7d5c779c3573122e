"""Signatures, as Standard Webhooks and OpenAI's SDK read them."""

import time

import pytest
from openai import InvalidWebhookSignatureError, OpenAI

from infra.store.webhook_endpoints import new_secret
from workers.webhook.core.signing import signed_headers

BODY = '{"id":"evt_1","object":"event","type":"response.completed","created_at":1,"data":{"id":"resp_1"}}'


def test_the_example_of_the_specification_is_signed_as_there() -> None:
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs_and_a_stranger_does_not() -> None:
    secrets = [new_secret(), new_secret()]
    headers = signed_headers("evt_1", int(time.time()), BODY, secrets)

    with OpenAI(api_key="none") as client:
        for secret in secrets:
            assert client.webhooks.unwrap(BODY, headers, secret=secret).type == "response.completed"
        with pytest.raises(InvalidWebhookSignatureError):
            client.webhooks.unwrap(BODY, headers, secret=new_secret())


def test_what_is_no_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="base64"):
        signed_headers("evt_1", 1, BODY, ["whsec_not base64!"])
