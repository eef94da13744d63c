/** Where the server is looked for, which Python it is installed with, how its wheel is installed. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { candidates, locate, type Surroundings } from "../../src/server/locate";
import { CancelledError, findPython, install, NoPythonError } from "../../src/server/install";
import { readLcov } from "../../src/lcov";

const AROUND: Surroundings = {
  setting: "", activePython: "/envs/mine/bin/python", folders: ["/work/project"],
  privateEnvironment: "/storage/environment", trusted: true, searchPath: "/usr/bin:./bin:/work/project/tools",
  windows: false,
};
const programs = (around: Surroundings): string[] => candidates(around, () => true).map(({ program }) => program);

test("the active environment comes before the project's, the private one and PATH", () => {
  assert.deepEqual(programs(AROUND), [
    "/envs/mine/bin/nvm-lsp", "/work/project/.venv/bin/nvm-lsp", "/work/project/venv/bin/nvm-lsp",
    "/storage/environment/bin/nvm-lsp", "/usr/bin/nvm-lsp", "/work/project/tools/nvm-lsp",
  ]);
});

test("nothing of an untrusted workspace is started", () => {
  const found = programs({ ...AROUND, trusted: false });
  assert.deepEqual(found, ["/storage/environment/bin/nvm-lsp", "/usr/bin/nvm-lsp"]);
});

test("the setting outweighs everything, and may name the folder", () => {
  assert.deepEqual(programs({ ...AROUND, setting: "${workspaceFolder}/x/nvm-lsp" }), ["/work/project/x/nvm-lsp"]);
});

test("a program that does not answer is passed over, and said", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "nvm-unit-"));
  try {
    const good = path.join(folder, "good");
    mkdirSync(good);
    const broken = path.join(folder, "broken");
    mkdirSync(broken);
    for (const [place, script] of [[broken, "#!/bin/sh\nexit 3\n"], [good, "#!/bin/sh\necho nvm-lsp 1.2.3\n"]] as const) {
      writeFileSync(path.join(place, "nvm-lsp"), script);
      chmodSync(path.join(place, "nvm-lsp"), 0o755);
    }
    const around = { ...AROUND, folders: [], activePython: path.join(broken, "python"), searchPath: good };
    const { found, problems } = await locate(around);
    assert.deepEqual(found, { program: path.join(good, "nvm-lsp"), version: "1.2.3", source: "PATH" });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /broken/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the newest fitting Python is taken; what is too old is said", async () => {
  const versions: Record<string, string> = { "python3.12": "3.12.1", python3: "3.9.2" };
  const found = await findPython("", false, (program) => Promise.resolve(versions[program]));
  assert.deepEqual([found.program, found.version], ["python3.12", "3.12.1"]);
  await assert.rejects(
    findPython("", false, (program) => Promise.resolve(program === "python3" ? "3.9.2" : undefined)),
    (error: unknown) => error instanceof NoPythonError && error.tried.includes("python3 is Python 3.9.2"),
  );
  const launcher = await findPython("", true, (program, args) => Promise.resolve(program === "py" && args[0] === "-3.11" ? "3.11.9" : undefined));
  assert.deepEqual(launcher.arguments, ["-3.11"]);
});

test("a failed or cancelled installation leaves no environment, and says why", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "nvm-unit-"));
  const environment = path.join(folder, "environment");
  const python = path.join(folder, "python");
  // Makes an environment whose pip fails.
  writeFileSync(python, '#!/bin/sh\nmkdir -p "$4/bin"\nprintf "#!/bin/sh\\necho ERROR: no such wheel >&2\\nexit 1\\n" > "$4/bin/python"\nchmod +x "$4/bin/python"\n');
  chmodSync(python, 0o755);
  const silent = (): void => undefined;
  const never = { isCancelled: () => false, onCancel: silent };
  try {
    const attempt = (cancellation: typeof never) =>
      install({ program: python, arguments: [], version: "3.12.0" }, "x.whl", environment, silent, silent, cancellation);
    await assert.rejects(attempt(never), /ERROR: no such wheel/);
    assert.ok(!existsSync(environment));
    await assert.rejects(attempt({ isCancelled: () => true, onCancel: silent }), CancelledError);
    assert.ok(!existsSync(environment));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("coverage is read from lcov", () => {
  const [file] = readLcov("TN:\nSF:a.easm\nBRDA:3,0,0,2\nBRDA:3,0,1,-\nDA:1,4\nDA:3,0\nend_of_record\n");
  assert.deepEqual(file, {
    file: "a.easm", lines: [{ line: 1, hits: 4 }, { line: 3, hits: 0 }], branches: new Map([[3, [2, 0]]]),
  });
});
