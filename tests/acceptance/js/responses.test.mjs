// The official JavaScript SDK with responses, conversations and webhooks. The provider's answers are named by
// the model.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { client, collected } from "./client.mjs";

const TEXT = "t0 t1 t2 t3 t4 ";
const CITY = z.object({ name: z.string(), people: z.number() });
const WEATHER = z.object({ city: z.string() });

function numbers(events) {
  return events.map((event) => event.sequence_number);
}

async function until(isSo, what) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not in time: ${what}`);
}

test("a response, whole, streamed and read again", async () => {
  const whole = await client.responses.create({ model: "scripted", input: "Hi" });
  const stream = client.responses.stream({ model: "scripted", input: "Hi" });
  const events = [];
  for await (const event of stream) events.push(event);
  const streamed = await stream.finalResponse();
  const again = await collected(
    await client.responses.retrieve(streamed.id, { stream: true, starting_after: 3 }),
  );

  assert.equal(whole.output_text, TEXT);
  assert.equal(streamed.output_text, TEXT);
  assert.deepEqual(
    events.map((event) => event.sequence_number),
    events.map((_, at) => at),
  );
  assert.deepEqual(
    again.map((event) => event.sequence_number),
    events.slice(4).map((event) => event.sequence_number),
  );
});

test("a response's pieces, by their names", async () => {
  const snapshots = [];
  const stream = client.responses
    .stream({ model: "scripted", input: "Hi" })
    .on("response.output_text.delta", (event) => snapshots.push(event.snapshot));

  const final = await stream.finalResponse();

  assert.deepEqual(snapshots, ["t0 ", "t0 t1 ", "t0 t1 t2 ", "t0 t1 t2 t3 ", TEXT]);
  assert.equal(final.usage.output_tokens, 5);
});

test("a stream of a response that is there, whole and behind an event", async () => {
  const first = client.responses.stream({ model: "scripted", input: "Hi", background: true });
  const events = [];
  for await (const event of first) events.push(event);
  const { id } = await first.finalResponse();

  for (const starting_after of [undefined, 0, 4]) {
    const stream = client.responses.stream({ response_id: id, starting_after });
    const again = [];
    for await (const event of stream) again.push(event);

    assert.deepEqual(numbers(again), numbers(events.slice((starting_after ?? -1) + 1)));
    assert.equal((await stream.finalResponse()).output_text, TEXT);
  }
});

test("a structured output", async () => {
  const format = zodTextFormat(CITY, "city");
  const parsed = await client.responses.parse({ model: "scripted-json", input: "A city", text: { format } });
  const stream = client.responses.stream({ model: "scripted-json", input: "A city", text: { format } });

  assert.deepEqual(parsed.output_parsed, { name: "Oslo", people: 700000 });
  assert.deepEqual((await stream.finalResponse()).output_parsed, parsed.output_parsed);
});

test("a function that is called, and its output", async () => {
  const tools = [zodResponsesFunction({ name: "weather", parameters: WEATHER })];
  const snapshots = [];
  const stream = client.responses
    .stream({ model: "scripted-calling", input: "Weather?", tools })
    .on("response.function_call_arguments.delta", (event) => snapshots.push(event.snapshot));
  const asked = await stream.finalResponse();
  const [call] = asked.output;
  const answered = await client.responses.create({
    model: "scripted",
    previous_response_id: asked.id,
    input: [{ type: "function_call_output", call_id: call.call_id, output: "sunny" }],
    tools,
  });

  assert.equal(snapshots.at(-1), '{"city": "Oslo"}');
  assert.deepEqual(call.parsed_arguments, { city: "Oslo" });
  assert.equal(answered.output_text, TEXT);
});

test("a response in the background, polled and stopped", async () => {
  const done = await client.responses.create({ model: "scripted", input: "Hi", background: true });
  await until(async () => (await client.responses.retrieve(done.id)).status === "completed", "completed");
  const held = await client.responses.create({ model: "scripted-held", input: "Hi", background: true });

  const stopped = await client.responses.cancel(held.id);

  assert.equal(stopped.status, "cancelled");
  assert.equal((await client.responses.cancel(held.id)).status, "cancelled");
});

test("what was put in, counted and deleted", async () => {
  const input = ["One", "Two", "Three"].map((content) => ({ role: "user", content }));
  const counted = await client.responses.inputTokens.count({ model: "scripted", input });
  const response = await client.responses.create({ model: "scripted", input });
  const items = [];
  for await (const item of client.responses.inputItems.list(response.id, { limit: 2, order: "asc" }))
    items.push(item.content[0].text);
  await client.responses.delete(response.id);

  assert.ok(counted.input_tokens > 0);
  assert.deepEqual(items, ["One", "Two", "Three"]);
  await assert.rejects(client.responses.retrieve(response.id), OpenAI.NotFoundError);
});

test("a conversation with its items", async () => {
  const said = (content) => ({ type: "message", role: "user", content });
  const conversation = await client.conversations.create({ items: [said("I am Jan.")] });
  const more = await client.conversations.items.create(conversation.id, { items: [said("Never mind.")] });
  const [mind] = more.data;
  const found = await client.conversations.items.retrieve(mind.id, { conversation_id: conversation.id });
  await client.conversations.items.delete(mind.id, { conversation_id: conversation.id });
  const changed = await client.conversations.update(conversation.id, { metadata: { a: "1" } });
  await client.responses.create({ model: "scripted", input: "Who?", conversation: conversation.id });
  const kept = await collected(client.conversations.items.list(conversation.id, { order: "asc", limit: 2 }));

  assert.equal(found.id, mind.id);
  assert.deepEqual(changed.metadata, { a: "1" });
  assert.deepEqual(
    kept.map((item) => [item.role, item.content[0].text]),
    [["user", "I am Jan."], ["user", "Who?"], ["assistant", TEXT]],
  );
  assert.equal((await client.conversations.delete(conversation.id)).deleted, true);
  await assert.rejects(client.conversations.retrieve(conversation.id), OpenAI.NotFoundError);
});

test("a webhook, unwrapped", async () => {
  const got = [];
  const receiver = createServer(async (request, answer) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    got.push({ body: Buffer.concat(pieces).toString(), headers: request.headers });
    answer.end();
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  try {
    const url = `http://127.0.0.1:${receiver.address().port}/`;
    const body = { name: "js", url, event_types: ["response.completed"] };
    const { signing_secret } = await client.post("/webhook_endpoints", { body });
    const response = await client.responses.create({ model: "scripted", input: "Hi", background: true });
    await until(() => got.length > 0, "delivered");
    const [{ body: raw, headers }] = got;

    const event = await client.webhooks.unwrap(raw, headers, signing_secret);

    assert.equal(event.type, "response.completed");
    assert.equal(event.data.id, response.id);
    const other = `whsec_${Buffer.from("0".repeat(32)).toString("base64")}`;
    await assert.rejects(client.webhooks.unwrap(raw, headers, other), OpenAI.InvalidWebhookSignatureError);
  } finally {
    receiver.close();
  }
});
