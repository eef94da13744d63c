/** A program opened, checked, explained and run, by hand. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { inWorkbench } from "./workbench";

const FLAWED = "    PUSH1 3\n    ADDD\n    STOP\n";

test("a program is coloured, checked, explained and run", async () => {
  const files = { "flawed.easm": FLAWED };
  const settings = { "nvm-lsp.editor.openPanel": "never" };
  await inWorkbench("run", { examples: ["three-plus-four.easm"], files, settings }, async (it) => {
    await it.open("flawed.easm");
    await it.page.locator(".squiggly-error").first().waitFor();
    await it.screenshot("squiggle");

    await it.open("three-plus-four.easm");
    await it.lens("Run on NestedVM").waitFor();
    await it.line("MSTORE").locator("span", { hasText: "MSTORE" }).last().hover();
    await it.page.locator(".monaco-hover", { hasText: "offset" }).first().waitFor();
    await it.screenshot("hover");

    await it.lens("Run on NestedVM").click();
    await it.hint("return 0x7").waitFor();
    assert.match(await it.outcome("✓"), /✓ 8 steps · 664 gas above native/);
    assert.equal(await it.page.locator("iframe.webview").count(), 0, "the panel stays closed, as the setting says");
    await it.screenshot("result");
    assert.match(await it.status().innerText(), /easm/);
  });
});

test("the panel shows a run and goes back and forth through its steps", async () => {
  await inWorkbench("panel", { examples: ["three-plus-four.easm"] }, async (it) => {
    await it.open("three-plus-four.easm");
    await it.lens("Run on NestedVM").click();
    const panel = it.panel();
    await panel.locator("#outcome", { hasText: "return 0x7" }).waitFor();
    await panel.locator("#position", { hasText: "the end, after 8" }).waitFor();
    await it.screenshot("panel-end");
    assert.match(await panel.locator(".memory-row").first().innerText(), /0x0000[\s\S]*0000000000000007/);
    assert.match(await panel.locator("#gas-legend").innerText(), /native 45[\s\S]*overhead 664/);

    // Back to MSTORE: the two operands on the stack, nothing in memory.
    for (let step = 0; step < 4; step++) await panel.locator("#back").click();
    await panel.locator("#instruction", { hasText: "MSTORE" }).waitFor();
    assert.deepEqual(await panel.locator(".stack-row .word").allInnerTexts(), ["0x0", "0x7"]);
    await it.page.locator(".view-overlays [class*='ced-']").first().waitFor();
    await it.screenshot("panel-step");

    // Forward by keyboard: the word is there, and marked.
    await panel.locator("#slider").press("ArrowRight");
    await panel.locator("#instruction", { hasText: "PUSH1" }).waitFor();
    await panel.locator(".memory-row.changed", { hasText: "0000000000000007" }).waitFor();
    await panel.locator(".memory-row.changed").click();
    await panel.locator("#writer", { hasText: "MSTORE" }).waitFor();
    assert.match(await panel.locator("#writer").innerText(), /0x0000 was written by\s+MSTORE\s+line \d+\s+step 5/);
    await it.screenshot("panel-writer");
  });
});

test("a wallet script's panel shows storage, logs and places in included files", async () => {
  const examples = ["approve-and-deposit.easm", "lib", "contracts"];
  await inWorkbench("script", { examples, width: 1720, height: 1000 }, async (it) => {
    await it.open("approve-and-deposit.easm");
    await it.lens("Run on NestedVM").click();
    const panel = it.panel();
    await panel.locator("#position", { hasText: "the end" }).waitFor();
    assert.match(await panel.locator("#outcome").innerText(), /return 0xd8d726b7177a80000/);
    assert.match(await panel.locator("#forms").innerText(), /250 ether/);
    assert.equal(await panel.locator("#storage-rows .row").count(), 3);
    await panel.locator("#slider").press("PageDown");
    await panel.locator("#slider").fill("30");
    await panel.locator("#instruction", { hasText: "erc20.easm:" }).waitFor();
    await it.screenshot("script");
  });
});
