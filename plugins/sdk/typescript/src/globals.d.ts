// What the engine in the sandbox has beyond the language itself. There is no console, no fetch, no timer.

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean });
  decode(bytes: Uint8Array): string;
}

declare function atob(base64: string): string;
declare function btoa(text: string): string;

// The interface, as componentize-js provides it; the build adds its version.
declare module "stadtbus:plugin/log" {
  export function write(level: "debug" | "info" | "warn" | "error", message: string): void;
}

declare module "stadtbus:plugin/lookup" {
  export function get(table: string, key: string): Uint8Array | undefined;
}
