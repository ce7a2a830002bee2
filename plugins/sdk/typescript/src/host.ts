/** What stands behind `log` and `lookup`: the host in the sandbox, a list and an object in a test. */

export type Level = "debug" | "info" | "warn" | "error";

export interface Host {
  write(level: Level, message: string): void;
  get(table: string, key: string): Uint8Array | undefined;
}

let host: Host = { write: () => {}, get: () => undefined };

/** Used by the build and by tests; a plugin has no use for it. */
export function connect(to: Host): void {
  host = to;
}

/** Lines for the plugin's owner. At most 64 of 1,024 bytes per call are kept. Never write payload into them. */
export const log = {
  debug: (message: string): void => host.write("debug", message),
  info: (message: string): void => host.write("info", message),
  warn: (message: string): void => host.write("warn", message),
  error: (message: string): void => host.write("error", message),
};

/**
 * The entry of `table` under `key`, if there is one. `table` is a name listed under `tables` in plugin.yaml; the key of a
 * list is the index.
 */
export function lookup<T>(table: string, key: string | number): T | undefined {
  const entry = host.get(table, String(key));
  return entry === undefined ? undefined : (JSON.parse(new TextDecoder().decode(entry)) as T);
}
