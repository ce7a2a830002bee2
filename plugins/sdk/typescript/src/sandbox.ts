/** Connects the SDK to the host, inside the sandbox; the build puts it in front of the plugin. */

import { get } from "stadtbus:plugin/lookup";
import { write } from "stadtbus:plugin/log";
import { connect } from "./host.ts";

connect({ write, get });

// The engine has a clock that stands still and chance that is none. Whoever asks them is told so, instead of being
// given an answer that is the same for ever.
function refuse(): never {
  throw new TypeError("a plugin has no clock and no randomness: use the time of its input");
}

Math.random = refuse;
Date.now = refuse;
globalThis.Date = new Proxy(Date, {
  construct: (date, args: unknown[]) => (args.length === 0 ? refuse() : new date(...(args as [any]))),
  apply: refuse,
});
