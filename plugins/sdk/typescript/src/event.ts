/** The input of a call. */

import { fromBase64 } from "./base64.ts";
import { reject } from "./output.ts";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const CONTEXT = new Set([
  "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64",
]);

/** A CloudEvent as the bus accepted it. */
export class Event<Data = Json> {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339, as the publisher spelled it. */
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  readonly extensions: Readonly<Record<string, string | number | boolean>>;
  /** JSON data as it is, other text as a string, other bytes as bytes. */
  readonly data?: Data | string | Uint8Array;

  constructor(document: Record<string, any>) {
    this.id = document.id;
    this.source = document.source;
    this.type = document.type;
    this.subject = document.subject;
    this.time = document.time;
    this.datacontenttype = document.datacontenttype;
    this.dataschema = document.dataschema;
    this.extensions = Object.fromEntries(Object.entries(document).filter(([name]) => !CONTEXT.has(name)));
    this.data = document.data_base64 === undefined ? document.data : fromBase64(document.data_base64);
  }

  /** The data in the form the plugin expects. Rejects the event if it has none or they are not JSON. */
  json(): Data {
    if (this.data === undefined || this.data instanceof Uint8Array) {
      throw reject("data-unreadable", "the data of the event is not JSON");
    }
    return this.data as Data;
  }
}

/** A message in a foreign format, as the route received it. */
export class Raw {
  readonly contentType: string;
  /** When the bus received it, RFC 3339 in UTC: the only "now" there is. */
  readonly received: string;
  readonly bytes: Uint8Array;

  constructor(document: { content_type: string; received: string; text?: string; base64?: string }) {
    this.contentType = document.content_type;
    this.received = document.received;
    this.bytes = document.text === undefined
      ? fromBase64(document.base64 ?? "")
      : new TextEncoder().encode(document.text);
  }

  /** The message as text. Rejects it if it is not UTF-8. */
  text(): string {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes);
    } catch {
      throw reject("text-unreadable", "the message is not UTF-8 text");
    }
  }

  /** The message in the form the plugin expects. Rejects it if it is not JSON. */
  json<T = Json>(): T {
    try {
      return JSON.parse(this.text()) as T;
    } catch {
      throw reject("json-unreadable", "the message is not JSON");
    }
  }
}
