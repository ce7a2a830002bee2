// The JavaScript SDK as a witness: its emitter and HTTP transport to publish, `HTTP.toEvent` to receive.
//
// The program is copied beside `node_modules` before it runs, so that the imports below find the pinned versions.

import http from "node:http";
import readline from "node:readline";
import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const KEY = /"zeugennr"\s*:\s*"(c\d+)"/;
const TEXTUAL = /^(text\/|application\/(.*\+)?(json|xml)\b)/i;
const received = [];

const operations = { listen, received: async () => ({ seen: received.splice(0) }), publish, pull, stream };

for await (const line of readline.createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  process.stdout.write(JSON.stringify(await operations[ask.op](ask)) + "\n");
}
process.exit(0);

async function listen() {
  const server = http.createServer(async (request, response) => {
    const body = await whole(request);
    const key = request.headers["ce-zeugennr"] ?? keyOf(body.toString());
    // A program reads text as text and leaves other bodies as they are; the SDK leaves that choice to it.
    const read = textual(request) ? body.toString() : body;
    const message = { headers: request.headers, body: body.length > 0 ? read : undefined };
    received.push({ way: request.url.slice(1), ...tell(key, () => HTTP.toEvent(message)) });
    response.writeHead(204).end();
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { port: server.address().port };
}

function textual(request) {
  return TEXTUAL.test(request.headers["content-type"] ?? "");
}

async function publish({ mode, url, token, events }) {
  if (mode === "batch") {
    return { absent: true };
  }
  const emit = emitterFor(httpTransport(url), { mode: mode === "binary" ? Mode.BINARY : Mode.STRUCTURED });
  const results = [];
  for (const { attributes, data } of events) {
    try {
      const event = new CloudEvent({ ...attributes, ...payload(data) });
      const answer = await emit(event, { headers: { authorization: `Bearer ${token}` } });
      // The transport tells no status; the bus's answers say it themselves.
      const status = JSON.parse(answer.body).status ?? 202;
      results.push({ status, body: answer.body });
    } catch (error) {
      results.push({ error: `${error.name}: ${error.message} ${error.errors?.map((one) => one.message).join(", ") ?? ""}` });
    }
  }
  return { results };
}

function payload(data) {
  if (data === null) {
    return {};
  }
  if ("json" in data) {
    return { data: JSON.parse(data.json) };
  }
  return { data: "text" in data ? data.text : Uint8Array.from(Buffer.from(data.base64, "base64")) };
}

async function pull({ url, token, count }) {
  const seen = [];
  while (seen.length < count) {
    const { events } = await post(`${url}/receive`, token, { max: 100, wait_ms: 5000 });
    if (events.length === 0) {
      break;
    }
    for (const one of events) {
      seen.push(fromJson(JSON.stringify(one.event)));
    }
    await post(`${url}/acknowledge`, token, { handles: events.map((one) => one.handle) });
  }
  return { seen };
}

async function stream({ url, token, count }) {
  const seen = [];
  const request = http.get(url, { headers: { authorization: `Bearer ${token}` } });
  const response = await new Promise((ready, failed) => request.on("response", ready).on("error", failed));
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    const frames = (text + chunk).split("\n\n");
    text = frames.pop();
    for (const frame of frames) {
      const data = frame.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length > 0) {
        seen.push(fromJson(data.map((line) => line.slice(6)).join("\n")));
      }
    }
    if (seen.length >= count) {
      break;
    }
  }
  return { seen };
}

/** An event in the JSON format that came on a way of the bus's own: the SDK's structured mode reads it. */
function fromJson(body) {
  return tell(keyOf(body), () => HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body }));
}

function tell(key, read) {
  try {
    const event = read();
    const attributes = {};
    for (const name of Object.getOwnPropertyNames(event)) {
      if (name !== "data" && name !== "data_base64" && event[name] !== undefined) {
        attributes[name] = event[name];
      }
    }
    return { key, event: { attributes, data: tellData(event.data, event.datacontenttype) } };
  } catch (error) {
    return { key, error: `${error.name}: ${error.message}` };
  }
}

function tellData(data, declared) {
  if (data === undefined) {
    return null;
  }
  if (ArrayBuffer.isView(data)) {
    // Each element of whatever array it is counts as one byte, which is what its author means.
    return { base64: Buffer.from(Array.from(data)).toString("base64") };
  }
  if (typeof data === "string" && !/[/+]json\s*(;|$)/i.test(declared ?? "")) {
    return declared === undefined ? { string: data } : { text: data };
  }
  return { json: JSON.stringify(data) };
}

function keyOf(body) {
  return KEY.exec(body)?.[1] ?? "";
}

async function whole(message) {
  const chunks = [];
  for await (const chunk of message) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function post(url, token, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return await answer.json();
}
