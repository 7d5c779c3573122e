// The official JavaScript SDK, at the server that is tested.

import OpenAI from "openai";

export const client = new OpenAI({
  baseURL: `${process.env.JAN_TEST_URL}/v1`,
  apiKey: process.env.JAN_TEST_TOKEN,
  maxRetries: 0,
  timeout: 20_000,
});

export async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
