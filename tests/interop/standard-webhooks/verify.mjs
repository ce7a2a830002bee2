// Asks the public library for JavaScript about what the bus signed; `v1a` by the crypto of Node.
import { readFileSync } from "node:fs";
import { createPublicKey, verify } from "node:crypto";
import { Webhook } from "standardwebhooks";

const { secrets, stranger, keys, deliveries } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const bodies = deliveries.map(({ body }) => Buffer.from(body, "base64").toString());
const verifies = (secret, headers, body) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
};
const verifiesV1a = (jwk, headers, body) => {
  const key = createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: "jwk" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  return headers["webhook-signature"]
    .split(" ")
    .map((part) => part.split(","))
    .some(([version, signature]) => version === "v1a" && verify(null, signed, key, Buffer.from(signature, "base64")));
};

const { headers } = deliveries[0];
const at = (seconds) => new Date(Date.now() + seconds * 1000);
const signedAt = (seconds) => ({
  ...headers,
  "webhook-timestamp": String(Math.floor(at(seconds).getTime() / 1000)),
  "webhook-signature": new Webhook(secrets[0]).sign(headers["webhook-id"], at(seconds), bodies[0]),
});
const later = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) };
const judged = [
  ["as it came", verifies(secrets[0], headers, bodies[0]), true],
  ["changed body", verifies(secrets[0], headers, bodies[0] + " "), false],
  ["changed id", verifies(secrets[0], { ...headers, "webhook-id": headers["webhook-id"] + "0" }, bodies[0]), false],
  ["changed time", verifies(secrets[0], later, bodies[0]), false],
  ["another key", verifies(stranger, headers, bodies[0]), false],
  ["298 s old", verifies(secrets[0], signedAt(-298), bodies[0]), true],
  ["302 s old", verifies(secrets[0], signedAt(-302), bodies[0]), false],
  ["302 s ahead", verifies(secrets[0], signedAt(302), bodies[0]), false],
  ["overlap: the new secret", verifies(secrets[1], deliveries[1].headers, bodies[1]), true],
  ["overlap: the old secret", verifies(secrets[0], deliveries[1].headers, bodies[1]), true],
  ["no overlap: the new secret", verifies(secrets[2], deliveries[2].headers, bodies[2]), true],
  ["no overlap: the old secret", verifies(secrets[1], deliveries[2].headers, bodies[2]), false],
  ...keys.flatMap((key, n) => [
    [`v1a by key ${n}`, verifiesV1a(key, headers, bodies[0]), true],
    [`v1a by key ${n}, changed body`, verifiesV1a(key, headers, bodies[0] + " "), false],
  ]),
];
let wrong = keys.length === 2 ? 0 : 1;
for (const [name, found, expected] of judged) {
  wrong += found === expected ? 0 : 1;
  console.log(`${found === expected ? "ok   " : "WRONG"} javascript  ${name}`);
}
process.exit(wrong === 0 ? 0 : 1);
