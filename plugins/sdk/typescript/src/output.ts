/** What a plugin answers. */

import { toBase64 } from "./base64.ts";

/** An event to be published. The bus sets `id`, `source` and `causationid`. */
export interface Draft {
  /** Must be listed under `produces` in plugin.yaml. */
  type: string;
  /** Bytes are taken as they are, anything else as JSON. */
  data?: unknown;
  /** Makes the same fact the same event when the input is sent again. */
  key?: string;
  subject?: string;
  time?: string;
  datacontenttype?: string;
  dataschema?: string;
  extensions?: Record<string, string | number | boolean>;
}

/** A message for a receiver. */
export interface Encoded {
  contentType: string;
  body: string | Uint8Array;
  headers?: Record<string, string>;
}

/** The two ways not to answer with events. May be returned or thrown. */
export class Stop extends Error {
  readonly kind: "drop" | "reject";
  readonly code: string;

  constructor(kind: "drop" | "reject", code: string, text: string) {
    super(text);
    this.kind = kind;
    this.code = code;
  }
}

/** Nothing is to be published for this input, and that is right. `code` is short and stable, `text` without payload. */
export function drop(code: string, text: string): Stop {
  return new Stop("drop", code, text);
}

/** The input is not usable. `code` is short and stable (`a-z0-9-.`), `text` one sentence without payload. */
export function reject(code: string, text: string): Stop {
  return new Stop("reject", code, text);
}

/** An event of this type with these data. */
export function draft(type: string, data?: unknown, more: Omit<Draft, "type" | "data"> = {}): Draft {
  return { type, data, ...more };
}

/** A message of this media type. */
export function encoded(contentType: string, body: string | Uint8Array, headers: Record<string, string> = {}): Encoded {
  return { contentType, body, headers };
}

/** The draft as the interface has it. */
export function writeDraft({ data, extensions, ...attributes }: Draft): Record<string, unknown> {
  return {
    ...attributes,
    extensions: extensions
      && Object.fromEntries(Object.entries(extensions).map(([name, value]) => [name, String(value)])),
    ...(data instanceof Uint8Array ? { data_base64: toBase64(data) } : { data }),
  };
}

/** The message as the interface has it. */
export function writeEncoded({ contentType, body, headers }: Encoded): Record<string, unknown> {
  return {
    content_type: contentType,
    headers,
    ...(body instanceof Uint8Array ? { body_base64: toBase64(body) } : { body }),
  };
}
