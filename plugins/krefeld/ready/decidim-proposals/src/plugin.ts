/**
 * Decidim tells how proposals stand, not what happened to them. What happened is the difference to how they stood when
 * the route asked the last time. Names of authors are never asked for and never passed on; what citizens wrote leaves
 * as plain text.
 */

import { decode, draft, drop, log, reject, type Draft } from "@stadtbus/plugin";
import { plainText } from "./html.ts";

interface Translated {
  translation?: string | null;
  translations?: { locale: string; text: string }[];
}

interface Proposal {
  id: string;
  reference?: string | null;
  title: Translated;
  body?: Translated | null;
  state?: string | null;
  publishedAt?: string | null;
  updatedAt?: string | null;
  voteCount?: number | null;
  official?: boolean | null;
  coordinates?: { latitude: number | null; longitude: number | null } | null;
}

interface Response {
  errors?: unknown[];
  data?: {
    participatoryProcess?: {
      id: string;
      slug: string;
      title: Translated;
      components?: { __typename: string; proposals?: { edges: { node: Proposal }[] } }[];
    } | null;
  } | null;
}

/** Proposal → how it stood. */
type Known = Record<string, string>;

const TYPE = "de.krefeld.participation.proposal";
const TITLE_CHARS_MAX = 300;
const TEXT_CHARS_MAX = 10_000;

export const run = decode<Known, { locale?: string }>((raw, context) => {
  const response = raw.json<Response>();
  if (response.errors?.length) {
    return reject("graphql-errors", "the platform answered with errors");
  }
  const process = response.data?.participatoryProcess;
  if (!process?.components) {
    return reject("process-missing", "the answer has no participatory process with components");
  }
  const locale = context.config.locale ?? "de";
  const known: Known = { ...context.state };
  const drafts: Draft[] = [];
  for (const { node } of process.components.flatMap((component) => component.proposals?.edges ?? [])) {
    if (!node.publishedAt) {
      continue;
    }
    const before = known[node.id];
    const now = node.state ?? "published";
    const about = describe(node, process, locale);
    if (before === undefined) {
      drafts.push(proposal("submitted", node, about, node.publishedAt));
    }
    if (now !== before && (now === "accepted" || now === "rejected")) {
      drafts.push(proposal(now, node, about, node.updatedAt ?? node.publishedAt));
    }
    known[node.id] = now;
  }
  context.state = known;
  log.debug(`${drafts.length} events`);
  return drafts.length > 0 ? drafts : drop("no-change", "no proposal is new, accepted or rejected");
});

function proposal(what: string, node: Proposal, about: object, time: string): Draft {
  const subject = node.reference ?? node.id;
  return draft(`${TYPE}.${what}.v1`, about, {
    // Accepted, taken back and accepted again are two facts; the same answer read twice is one.
    key: what === "submitted" ? `${node.id}#submitted` : `${node.id}#${what}#${time}`,
    subject,
    time,
    extensions: { dataclassification: "public", correlationid: subject },
  });
}

function describe(node: Proposal, process: { id: string; slug: string; title: Translated }, locale: string): object {
  const { latitude, longitude } = node.coordinates ?? {};
  return {
    proposalId: node.id,
    reference: node.reference ?? undefined,
    process: { id: process.id, slug: process.slug, title: shortened(translated(process.title, locale), TITLE_CHARS_MAX) },
    title: shortened(translated(node.title, locale), TITLE_CHARS_MAX),
    text: shortened(translated(node.body, locale), TEXT_CHARS_MAX) || undefined,
    state: node.state ?? "published",
    votes: node.voteCount ?? undefined,
    official: node.official ?? false,
    place: latitude == null || longitude == null ? undefined : { latitude, longitude },
  };
}

function translated(text: Translated | null | undefined, locale: string): string {
  const chosen = text?.translations?.find((each) => each.locale === locale) ?? text?.translations?.[0];
  return plainText(text?.translation ?? chosen?.text ?? "");
}

function shortened(text: string, charsMax: number): string {
  const chars = [...text];
  return chars.length > charsMax ? `${chars.slice(0, charsMax - 1).join("")}…` : text;
}
