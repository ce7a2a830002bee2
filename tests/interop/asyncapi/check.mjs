// Reads AsyncAPI documents with the reference parser: `node check.mjs FILE…`. Payload schemas are JSON Schema 2020-12, a format the parser leaves to
// others; Ajv compiles them here, within the document they refer into. Ends with 1 if there is an error or a warning.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Parser } from '@asyncapi/parser';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const FORMAT = 'application/schema+json;version=draft-2020-12';
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const SEVERITY = ['error', 'warning', 'information', 'hint'];

// [how many compiled, what does not]
function payloads(document) {
  const ajv = new Ajv2020.default({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  addFormats.default(ajv);
  // The document around the schemas is none itself; `id` would be taken for an old `$id`.
  const { id, ...around } = document;
  ajv.addVocabulary(Object.keys(around));
  ajv.addSchema({ ...around, $id: 'https://document.invalid/' });
  const wrong = [];
  let count = 0;
  for (const [name, message] of Object.entries(document.components.messages)) {
    const { payload } = message;
    if (payload === undefined) continue;
    const place = `/components/messages/${name}/payload/schema`;
    if (payload.schemaFormat !== FORMAT || payload.schema.$schema !== DIALECT) {
      wrong.push(`${place}: not ${FORMAT}`);
      continue;
    }
    try {
      ajv.compile({ $schema: DIALECT, $ref: `https://document.invalid/#${place}` });
      count += 1;
    } catch (error) {
      wrong.push(`${place}: ${error.message}`);
    }
  }
  return [count, wrong];
}

let objections = 0;
const widths = [34, 8, 10, 7];
const row = (...cells) => cells.map((cell, at) => String(cell)[at === 0 ? 'padEnd' : 'padStart'](widths[at] ?? 0)).join('  ');
console.log(row('seen by', 'channels', 'operations', 'schemas', 'diagnostics'));
for (const file of process.argv.slice(2)) {
  const text = await readFile(file, 'utf8');
  const { document, diagnostics } = await new Parser().parse(text);
  const [schemas, wrong] = payloads(JSON.parse(text));
  const counts = SEVERITY.map((name, level) => [name, diagnostics.filter((one) => one.severity === level).length]).filter(([, count]) => count > 0);
  const shown = counts.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
  const size = document ? [document.channels().length, document.operations().length] : ['-', '-'];
  console.log(row(basename(file, '.json').replaceAll('+', '/'), ...size, schemas, shown));
  for (const one of diagnostics.filter((one) => one.severity <= 1)) {
    console.log(`    ${SEVERITY[one.severity]}: ${one.code} at /${one.path.join('/')}: ${one.message}`);
  }
  wrong.forEach((line) => console.log(`    error: ${line}`));
  objections += diagnostics.filter((one) => one.severity <= 1).length + wrong.length + (document ? 0 : 1);
}
process.exitCode = objections > 0 ? 1 : 0;
