/** From a plugin's function to the one function of the interface: a JSON document in, a JSON document out. */

import { fromBase64 } from "./base64.ts";
import { Context } from "./context.ts";
import { Event, Raw, type Json } from "./event.ts";
import { log } from "./host.ts";
import { Stop, writeDraft, writeEncoded, type Draft, type Encoded } from "./output.ts";

/** The function of the interface. */
export type Run = (document: Uint8Array) => Uint8Array;

type Drafts = Draft | Draft[] | Stop;

/** A plugin of the role `decode`: a foreign message to events. */
export function decode<State = Json, Config = Record<string, Json>>(
  plugin: (raw: Raw, context: Context<State, Config>) => Drafts,
): Run {
  return role<State, Config>((given, context) => events(plugin(new Raw(given.raw), context)));
}

/** A plugin of the role `transform`: one event to any number of events. */
export function transform<Data = Json, State = Json, Config = Record<string, Json>>(
  plugin: (event: Event<Data>, context: Context<State, Config>) => Drafts,
): Run {
  return role<State, Config>((given, context) => events(plugin(new Event<Data>(given.event), context)));
}

/** A plugin of the role `encode`: one event to a message for a receiver. */
export function encode<Data = Json, State = Json, Config = Record<string, Json>>(
  plugin: (event: Event<Data>, context: Context<State, Config>) => Encoded | Stop,
): Run {
  return role<State, Config>((given, context) => {
    const answer = plugin(new Event<Data>(given.event), context);
    return answer instanceof Stop ? answer : { encoded: writeEncoded(answer) };
  });
}

function events(answer: Drafts): Record<string, unknown> | Stop {
  if (answer instanceof Stop) {
    return answer;
  }
  return { events: (Array.isArray(answer) ? answer : [answer]).map(writeDraft) };
}

function role<State, Config>(
  call: (given: any, context: Context<State, Config>) => Record<string, unknown> | Stop,
): Run {
  return (document) => {
    const given = JSON.parse(new TextDecoder().decode(document));
    const state = given.state_base64 === undefined ? given.state : fromBase64(given.state_base64);
    const before = JSON.stringify(state);
    const context = new Context<State, Config>(given.config, state);
    const answer = verdict(() => call(given, context));
    const after = JSON.stringify(context.state);
    if (after !== before && !("reject" in answer)) {
      answer.state = context.state ?? null;
    }
    return new TextEncoder().encode(JSON.stringify(answer));
  };
}

function verdict(call: () => Record<string, unknown> | Stop): Record<string, unknown> {
  let answer;
  try {
    answer = call();
  } catch (error) {
    if (!(error instanceof Stop)) {
      const [name, place] = error instanceof Error ? [error.name, error.stack?.split("\n")[0]] : ["a value", "?"];
      log.error(`${name} thrown at ${place}`);
      throw error;
    }
    answer = error;
  }
  return answer instanceof Stop ? { [answer.kind]: { code: answer.code, text: answer.message } } : answer;
}
