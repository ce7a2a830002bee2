/**
 * Write plugins for the city event bus *Stadtbus* in TypeScript.
 *
 * A plugin is a pure function: it is given one input, its configuration, lookup tables and its own state, and answers
 * with events (or an encoded message), a drop or a rejection. It has no clock, no randomness, no files and no network.
 *
 * ```ts
 * import { draft, drop, transform } from "@stadtbus/plugin";
 *
 * interface Outage { id: string; revision: number; customers: number }
 *
 * export const run = transform<Outage, number>((event, context) => {
 *   const outage = event.json();                           // rejects what it cannot read
 *   if (outage.revision <= (context.state ?? 0)) {
 *     return drop("outdated-revision", "a newer revision was already published");
 *   }
 *   context.state = outage.revision;
 *   return draft("de.krefeld.swk.outage.public.v1", { id: outage.id }, { subject: outage.id });
 * });
 * ```
 *
 * A stop (`drop`, `reject`) may be returned or thrown. Any other error ends the call with SB-4103; its kind and place are
 * logged, its message is not, since it may contain payload.
 *
 * Instances are warm: module variables survive to the next call *of this plugin and partner*, until the instance is
 * recycled, which can be at any time. Compute constants there; never keep what an input said. That is what
 * `context.state` is for.
 *
 * @module
 */

export { Event, Raw, type Json } from "./event.ts";
export { Context } from "./context.ts";
export { draft, drop, encoded, reject, Stop, type Draft, type Encoded } from "./output.ts";
export { decode, encode, transform, type Run } from "./role.ts";
export { log, lookup } from "./host.ts";
