/** A program opened, checked, explained and run, by hand. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { inWorkbench } from "./workbench";

const FLAWED = "    PUSH1 3\n    ADDD\n    STOP\n";

test("a program is coloured, checked, explained and run", async () => {
  await inWorkbench("run", { examples: ["three-plus-four.easm"], files: { "flawed.easm": FLAWED } }, async (it) => {
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
    await it.screenshot("result");
    assert.match(await it.status().innerText(), /easm/);
  });
});
