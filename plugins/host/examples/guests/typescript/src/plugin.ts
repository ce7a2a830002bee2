/** The measured transform in TypeScript. */

import { draft, drop, transform } from "@stadtbus/plugin";

export const run = transform<{ customers?: number }>((event) => {
  const outage = event.json();
  if (outage.customers === undefined) {
    return drop("no-outage", "the event is about something else");
  }
  return draft("de.krefeld.test.mapped.v1", { ...outage, customers: Math.ceil(outage.customers / 1000) * 1000 });
});
