import { call, equal, test } from "@stadtbus/plugin/testing";
import { run } from "./plugin.ts";

const proposals = (...nodes: object[]) => ({
  data: {
    participatoryProcess: {
      id: "7",
      slug: "klima",
      title: { translation: "Klima" },
      components: [{ __typename: "Proposals", proposals: { edges: nodes.map((node) => ({ node })) } }, { __typename: "Meetings" }],
    },
  },
});
const node = { id: "1", title: { translation: "T" }, publishedAt: "2026-11-20T18:22:31+01:00" };

test("what was seen is not told again, what became of it is", () => {
  const first = call(run, { raw: proposals(node) });
  equal(first.events.map((event) => event.key), ["1#submitted"]);
  equal(call(run, { raw: proposals(node), state: first.state }).dropped, "no-change");
  const accepted = { ...node, state: "accepted", updatedAt: "2026-11-23T07:58:02+01:00" };
  const second = call(run, { raw: proposals(accepted), state: first.state });
  equal(second.events.map((event) => [event.type, event.time]), [
    ["de.krefeld.participation.proposal.accepted.v1", "2026-11-23T07:58:02+01:00"],
  ]);
  equal(second.state, { 1: "accepted" });
});

test("drafts stay where they are, and the language asked for is taken", () => {
  const title = { translations: [{ locale: "en", text: "Fountains" }, { locale: "de", text: "<b>Brunnen</b>" }] };
  const answer = call(run, { raw: proposals({ ...node, publishedAt: null }, { ...node, id: "2", title }) });
  equal(answer.events.map((event) => (event.data as any).title), ["Brunnen"]);
});
