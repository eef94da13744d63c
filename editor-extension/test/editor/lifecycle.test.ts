/** What goes wrong, and what changes: stale results, endless loops, no trust, a server that dies. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { inWorkbench } from "./workbench";

const ENDLESS = "again:\n    PUSH again\n    JUMP\n";

test("a result turns stale when the text changes, and fresh by another run", async () => {
  await inWorkbench("stale", { examples: ["three-plus-four.easm"] }, async (it) => {
    await it.open("three-plus-four.easm");
    await it.lens("Run on NestedVM").click();
    const panel = it.panel();
    await panel.locator("#position", { hasText: "the end" }).waitFor();
    await it.outcome("✓");
    await it.goTo(4, 5);
    await it.page.keyboard.press("Home");
    await it.page.keyboard.type("PUSH1 9\n    POP\n    ");
    await it.outcome("changed since");
    await panel.locator("#stale-note").waitFor();
    await it.screenshot("stale");
    await panel.locator("#stale-note button").click();
    await it.outcome("✓ 10 steps");
    await panel.locator("#stale-note").waitFor({ state: "hidden" });
    await panel.locator("#position", { hasText: "the end, after 10" }).waitFor();
  });
});

test("an endless loop is cancelled, and the next run works", async () => {
  const files = { "endless.easm": `#@ gas 1000000000000\n${ENDLESS}` };
  await inWorkbench("cancel", { files, settings: { "nvm-lsp.run.seconds": 600, "nvm-lsp.run.onSave": true } }, async (it) => {
    await it.open("endless.easm");
    await it.lens("Run on NestedVM").click();
    const toast = it.notification("Running endless.easm");
    await toast.waitFor();
    await it.screenshot("running");
    await toast.locator("a.monaco-button, .notification-list-item-buttons-container a").filter({ hasText: "Cancel" }).click();
    await it.page.locator(".statusbar-item", { hasText: "Run cancelled" }).waitFor();
    await it.goTo(2, 1);
    await it.page.keyboard.type("    STOP\n");
    await it.page.keyboard.press("Control+s");
    await it.outcome("✓ 1 step");
  });
});

test("in an untrusted workspace programs are checked, not run, until it is trusted", async () => {
  const files = { "program.easm": "    PUSH1 3\n    ADDD\n", "good.easm": "    STOP\n", ".venv/bin/nvm-lsp": "#!/bin/sh\ntouch /tmp/never\n" };
  await inWorkbench("untrusted", { files, trusted: false }, async (it) => {
    await it.page.locator(".monaco-dialog-box a, .monaco-dialog-box .monaco-button", { hasText: /No, I don't/ }).click();
    await it.open("program.easm");
    await it.page.locator(".squiggly-error").first().waitFor();
    await it.open("good.easm");
    await it.lens("Run on NestedVM").click();
    await it.notification("not trusted").waitFor();
    await it.screenshot("untrusted");
    await it.notification("not trusted").locator("a.monaco-button", { hasText: "Manage" }).click();
    await it.page.locator(".workspace-trust-editor a.monaco-button, .workspace-trust-editor .monaco-button", { hasText: /^Trust$/ }).first().click();
    await it.open("good.easm");
    await it.page.locator(".notification-toast").first().waitFor({ state: "hidden" }).catch(() => undefined);
    await it.lens("Run on NestedVM").click();
    await it.outcome("✓ 1 step");
  });
});

test("a server that dies is started again; the state is told and can be acted on", async () => {
  await inWorkbench("restart", { examples: ["three-plus-four.easm"] }, async (it) => {
    await it.open("three-plus-four.easm");
    await it.lens("Run on NestedVM").waitFor();
    const [first] = servers(it.home);
    assert.ok(first !== undefined, "the server runs");
    process.kill(first, "SIGKILL");
    await eventually(() => servers(it.home).some((pid) => pid !== first));
    await it.lens("Run on NestedVM").waitFor();
    await it.page.keyboard.press("Control+Alt+r");
    await it.outcome("✓ 8 steps");
    await it.status().click();
    await it.page.locator(".quick-input-list .monaco-list-row", { hasText: "Restart" }).waitFor();
    await it.screenshot("status");
    const [second] = servers(it.home);
    await it.page.locator(".quick-input-widget input").press("Enter");
    await eventually(() => servers(it.home).length > 0 && !servers(it.home).includes(second ?? 0));
    await it.lens("Run on NestedVM").click();
    await it.outcome("✓ 8 steps");
  });
});

/** Language servers that the editor of a home has started. */
function servers(home: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      const mine = readFileSync(`/proc/${name}/environ`, "utf8").split("\0").includes(`HOME=${home}`);
      if (mine && command.includes("serve") && command.includes("--stdio") && /python/.test(command[0] ?? "")) found.push(Number(name));
    } catch {
      // It has ended meanwhile, or is somebody else's.
    }
  }
  return found;
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not happen");
}
