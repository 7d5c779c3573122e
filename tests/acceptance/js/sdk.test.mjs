// The official JavaScript SDK against a running server. The provider's answers are named by the model.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { client, collected } from "./client.mjs";

const TEXT = "t0 t1 t2 t3 t4 ";
const HI = [{ role: "user", content: "hi" }];
const LOOK_UP = {
  type: "function",
  function: { name: "look_up", parameters: { type: "object", properties: { word: { type: "string" } } } },
};
function textOf(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

test("a whole completion", async () => {
  const completion = await client.chat.completions.create({ model: "scripted", messages: HI });

  assert.equal(completion.choices[0].message.content, TEXT);
  assert.equal(completion.choices[0].finish_reason, "stop");
  assert.equal(completion.usage.completion_tokens, 5);
  assert.match(completion.id, /^chatcmpl-[0-9A-Z]{26}$/);
  assert.match(completion._request_id, /^req_/);
});

test("a stream", async () => {
  const chunks = await collected(
    await client.chat.completions.create({
      model: "scripted",
      messages: HI,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );

  assert.equal(textOf(chunks), TEXT);
  assert.deepEqual(chunks.map((chunk) => chunk.x_seq), [...chunks.keys()]);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, 5);
});

test("a stream with silences, which the server fills with comments", async () => {
  const chunks = await collected(
    await client.chat.completions.create({ model: "scripted-slow", messages: HI, stream: true }),
  );

  assert.equal(textOf(chunks), TEXT);
});

test("the SDK's own stream helper", async () => {
  const stream = client.chat.completions.stream({ model: "scripted", messages: HI });

  assert.equal(await stream.finalContent(), TEXT);
});

test("tool calls, whole and streamed", async () => {
  const asked = { model: "scripted-tool", messages: HI, tools: [LOOK_UP], tool_choice: "auto" };
  const whole = await client.chat.completions.create(asked);
  const chunks = await collected(await client.chat.completions.create({ ...asked, stream: true }));

  const [call] = whole.choices[0].message.tool_calls;
  assert.equal(call.function.name, "look_up");
  assert.deepEqual(JSON.parse(call.function.arguments), { word: "xxxxx" });
  const calls = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
  assert.equal(calls.map((one) => one.function.arguments).join(""), call.function.arguments);
});

test("many completions at once", async () => {
  const asked = Array.from({ length: 20 }, () =>
    client.chat.completions.create({ model: "scripted", messages: HI }),
  );
  const completions = await Promise.all(asked);

  assert.equal(new Set(completions.map((completion) => completion.id)).size, 20);
});

test("the response with its headers", async () => {
  const { data, response, request_id } = await client.chat.completions
    .create({ model: "scripted", messages: HI }, { headers: { "X-Request-Id": "from-js" } })
    .withResponse();

  assert.equal(request_id, "from-js");
  assert.equal(response.headers.get("x-auth-method"), "jwt");
  assert.match(response.headers.get("openai-processing-ms"), /^\d+$/);
  assert.equal(data.choices[0].message.content, TEXT);
});

test("models, listed and read", async () => {
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);

  assert.ok(models.includes("scripted"));
  assert.equal((await client.models.retrieve("scripted")).id, "scripted");
});

test("a bad token is an AuthenticationError", async () => {
  const nobody = client.withOptions({ apiKey: "nobody" });

  await assert.rejects(nobody.chat.completions.create({ model: "scripted", messages: HI }), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, "invalid_token");
    return true;
  });
});

test("a bad field is a BadRequestError that names it", async () => {
  const messages = [HI[0], { role: 7, content: "hi" }];

  await assert.rejects(client.chat.completions.create({ model: "scripted", messages }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "messages[1].role");
    return true;
  });
});

test("an unknown path is a NotFoundError", async () => {
  await assert.rejects(client.get("/nope"), OpenAI.NotFoundError);
});

test("the provider's limit is a RateLimitError with its Retry-After", async () => {
  await assert.rejects(
    client.chat.completions.create({ model: "scripted-limited", messages: HI, stream: true }),
    (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.headers.get("retry-after"), "20");
      return true;
    },
  );
});

test("the provider's failure is an InternalServerError", async () => {
  await assert.rejects(
    client.chat.completions.create({ model: "scripted-broken", messages: HI }),
    OpenAI.InternalServerError,
  );
});

test("a failure after a token is an APIError in the stream", async () => {
  const stream = await client.chat.completions.create({
    model: "scripted-failing",
    messages: HI,
    stream: true,
  });
  const told = [];

  await assert.rejects(
    async () => {
      for await (const chunk of stream) told.push(chunk.choices[0].delta.content);
    },
    (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.code, "fell_over");
      return true;
    },
  );
  assert.deepEqual(told, ["", "t0 ", "t1 "]);
});

test("a stream that is left early", async () => {
  const stream = await client.chat.completions.create({ model: "scripted", messages: HI, stream: true });

  for await (const chunk of stream) {
    assert.equal(chunk.x_seq, 0);
    break;
  }
  assert.ok(stream.controller.signal.aborted);
});
