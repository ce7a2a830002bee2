// From the source of a TypeScript plugin to a component: `node build.mjs PLUGIN_FOLDER SDK_FOLDER WIT_FOLDER OUTPUT`.
// With `test` in place of OUTPUT the unit tests are bundled and run instead.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, sdk, wit, output] = process.argv.slice(2);
// This file lies with the SDK; the tools are installed elsewhere.
const tools = join(process.env.STADTBUS_TOOLS, "node_modules");
const esbuild = createRequire(join(tools, "esbuild/package.json"))("esbuild");
const alias = {
  "@stadtbus/plugin/testing": join(sdk, "src/testing.ts"),
  "@stadtbus/plugin": join(sdk, "src/index.ts"),
};
// The name of an interface carries the version of its package, which the source need not know.
const interfaces = {
  name: "interfaces",
  setup({ onResolve }) {
    onResolve({ filter: /^stadtbus:plugin\// }, ({ path }) => (
      { path: `${path}@${process.env.STADTBUS_INTERFACE}`, external: true }
    ));
  },
};
const work = mkdtempSync(join(tmpdir(), "stadtbus-plugin-"));

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

function checkTypes() {
  const tsc = join(tools, "typescript/bin/tsc");
  const checked = spawnSync(process.execPath, [tsc, "--noEmit", "--pretty", "false", "-p", folder], {
    encoding: "utf8",
    cwd: folder,
  });
  if (checked.status !== 0) {
    fail(`${checked.stdout}${checked.stderr}`);
  }
  return checked.status === 0;
}

async function bundle(entry, name, platform) {
  const outfile = join(work, `${name}.mjs`);
  await esbuild.build({
    ...entry,
    outfile,
    alias,
    platform,
    absWorkingDir: folder,
    bundle: true,
    format: "esm",
    target: "es2023",
    charset: "utf8",
    external: ["node:*"],
    plugins: [interfaces],
    logLevel: "error",
  });
  return outfile;
}

async function build() {
  if (!checkTypes()) {
    return;
  }
  const contents = `import ${JSON.stringify(join(sdk, "src/sandbox.ts"))};\nexport { run } from "./src/plugin.ts";\n`;
  const stdin = { contents, resolveDir: folder, sourcefile: "entry.ts", loader: "ts" };
  const bundled = await bundle({ stdin }, "plugin", "neutral");
  const componentizer = join(tools, "@bytecodealliance/componentize-js/src/componentize.js");
  const { componentize } = await import(pathToFileURL(componentizer));
  const { component, imports } = await componentize({
    sourcePath: bundled,
    witPath: wit,
    worldName: "bytes",
    // Without these features the engine asks for nothing of WASI.
    disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
  });
  const foreign = imports.filter(([module]) => !module.startsWith("stadtbus:plugin/"));
  if (foreign.length > 0) {
    fail(`the component would import ${foreign.map(([module]) => module).join(", ")}`);
    return;
  }
  writeFileSync(output, component);
}

async function test() {
  const files = readdirSync(join(folder, "src")).filter((name) => name.endsWith(".test.ts"));
  const bundled = [];
  for (const name of files) {
    bundled.push(await bundle({ entryPoints: [join("src", name)] }, name, "node"));
  }
  if (bundled.length > 0) {
    const ran = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...bundled], { stdio: "inherit" });
    process.exitCode = ran.status ?? 1;
  }
}

try {
  await (output === "test" ? test() : build());
} catch (error) {
  fail(String(error?.message ?? error));
} finally {
  rmSync(work, { recursive: true, force: true });
}
