/** The README has every command and setting, as package.json has them. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(path.dirname(process.argv[1] ?? "."), "..", "..");

test("the committed README has the tables that package.json gives", () => {
  const script = 'import("./readme.mjs").then(({ readme }) => process.stdout.write(readme()))';
  const made = execFileSync(process.execPath, ["-e", script], { cwd: ROOT, encoding: "utf8" });
  assert.ok(readFileSync(path.join(ROOT, "README.md"), "utf8") === made, "README.md is not up to date; run: node readme.mjs");
});

test("every picture of README and walkthrough is there", () => {
  const manifest = readFileSync(path.join(ROOT, "package.json"), "utf8");
  const text = readFileSync(path.join(ROOT, "README.md"), "utf8");
  const named = [...text.matchAll(/\]\((media\/[^)]+)\)/g), ...manifest.matchAll(/"image": "([^"]+)"/g)].map(([, file]) => file ?? "");
  assert.ok(named.length > 8);
  assert.deepEqual(named.filter((file) => !existsSync(path.join(ROOT, file))), []);
});
