/**
 * Call a plugin in an ordinary test, without WebAssembly. `stadtbus plugin test` runs `src/*.test.ts` with Node.
 *
 * ```ts
 * import { call, equal, test } from "@stadtbus/plugin/testing";
 * import { run } from "./plugin.ts";
 *
 * test("numbers are rounded", () => {
 *   const answer = call(run, { event: { data: { id: "A-1", people: 230 } } });
 *   equal(answer.events[0]?.data, { id: "A-1", people: 300 });
 * });
 * ```
 *
 * @module
 */

// @ts-ignore: the types of Node are not needed for two functions.
import { deepStrictEqual } from "node:assert";
// @ts-ignore
import nodeTest from "node:test";
import { fromBase64, toBase64 } from "./base64.ts";
import { connect } from "./host.ts";
import type { Draft } from "./output.ts";
import type { Run } from "./role.ts";

/** One test. */
export const test: (name: string, body: () => void) => void = nodeTest;

/** Both are the same, members and all. */
export const equal: (found: unknown, expected: unknown) => void = deepStrictEqual;

/** What a call is given. Attributes of the event that are not named have a value fit for a test. */
export interface Given {
  event?: Record<string, unknown>;
  raw?: string | Uint8Array | object;
  contentType?: string;
  received?: string;
  config?: object;
  state?: unknown;
  tables?: Record<string, object>;
}

/** What came of a call. `dropped` and `rejected` are the codes of the reasons, `state` is the one afterwards. */
export interface Answer {
  events: Draft[];
  encoded?: { content_type: string; headers: Record<string, string>; body?: string; body_base64?: string };
  dropped?: string;
  rejected?: string;
  state: unknown;
  logs: string[];
}

/** Calls the plugin by way of the documents of the interface, as the bus does. */
export function call(run: Run, given: Given): Answer {
  const logs: string[] = [];
  connect({
    write: (level, message) => void logs.push(`${level}: ${message}`),
    get: (table, key) => entry(given.tables?.[table], key),
  });
  const document = {
    config: given.config ?? {},
    state: given.state,
    event: given.event && { specversion: "1.0", id: "1", source: "urn:test", type: "test", ...given.event },
    raw: given.raw === undefined ? undefined : {
      content_type: given.contentType ?? "application/json",
      received: given.received ?? "2026-01-31T12:00:00Z",
      ...content(given.raw),
    },
  };
  const answer = JSON.parse(new TextDecoder().decode(run(new TextEncoder().encode(JSON.stringify(document)))));
  return {
    events: (answer.events ?? []).map(({ data_base64, ...event }: any) => (
      data_base64 === undefined ? event : { ...event, data: fromBase64(data_base64) }
    )),
    encoded: answer.encoded,
    dropped: answer.drop?.code,
    rejected: answer.reject?.code,
    state: "state" in answer ? answer.state : given.state,
    logs,
  };
}

function content(raw: string | Uint8Array | object): object {
  if (raw instanceof Uint8Array) {
    return { base64: toBase64(raw) };
  }
  return { text: typeof raw === "string" ? raw : JSON.stringify(raw) };
}

function entry(table: object | undefined, key: string): Uint8Array | undefined {
  const found = table && Object.hasOwn(table, key) ? (table as Record<string, unknown>)[key] : undefined;
  return found === undefined ? undefined : new TextEncoder().encode(JSON.stringify(found));
}
