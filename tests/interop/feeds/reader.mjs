// An EventSource as pages use it: it comes back by itself, with the id of the last event. Prints what it was given, one line each.
import { EventSource } from "eventsource";

const [url, token, count] = process.argv.slice(2);
let left = Number(count);
const source = new EventSource(url, {
  fetch: (input, init) => {
    console.log(JSON.stringify({ opened: init.headers["Last-Event-ID"] ?? null }));
    return fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
  },
});
source.addEventListener("de.krefeld.swk.outage.reported.v1", (event) => {
  console.log(JSON.stringify({ id: JSON.parse(event.data).id, cursor: event.lastEventId }));
  if (--left === 0) {
    source.close();
  }
});
source.addEventListener("error", (error) => {
  if (error.code) {
    console.log(JSON.stringify({ refused: error.code }));
    source.close();
  }
});
