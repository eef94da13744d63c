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

const NESTED = `#@ deploy 0x7a0170000000000000000000000000000000000a callee.easm
    PUSH 5
    PUSH 9
    SSTORE
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH 0
    PUSH20 0x7a0170000000000000000000000000000000000a
    GAS
    CALL
    PUSH 8
    PUSH 1
    TSTORE
    STOP
`;
const CALLEE = `    PUSH 1
    PUSH 2
    SSTORE
    PUSH 0
    PUSH 0
    LOG0
    PUSH 32
    PUSH 0
    REVERT
`;

test("one steps into calls, over and out of them, by keyboard, and sees the state of each step", async () => {
  const files = { "nested.easm": NESTED, "callee.easm": CALLEE };
  await inWorkbench("calls", { files, width: 1720, height: 1000 }, async (it) => {
    await it.open("callee.easm");
    await it.open("nested.easm");
    await it.lens("Run on NestedVM").click();
    const panel = it.panel();
    const slider = panel.locator("#slider");
    const instruction = (text: RegExp) => panel.locator("#instruction", { hasText: text }).waitFor();
    await panel.locator("#position", { hasText: "the end, after 24" }).waitFor();
    assert.match(await panel.locator("#transient-count").innerText(), /1/);
    // To the SSTORE and past it: the slot is there, and marked.
    await slider.fill("2");
    await instruction(/SSTORE.*line 4/);
    assert.equal(await panel.locator("#storage-rows .row").count(), 0);
    await slider.press("ArrowRight");
    assert.match(await panel.locator("#storage-rows .row.fresh").innerText(), /0x9\s+0x0 → 0x5\s+step 3/);
    await slider.press("ArrowRight");
    await panel.locator("#storage-rows .row:not(.fresh)").waitFor();
    // Into the call: its own stack, its own source, one word of storage more.
    await slider.fill("10");
    await instruction(/CALL.*line 12/);
    await slider.press("ArrowRight");
    await instruction(/PUSH1.*callee\.easm:1/);
    assert.match(await panel.locator("#stack").innerText(), /empty/);
    await slider.fill("17");
    await panel.locator("#storage-rows .row", { hasText: "0x2" }).waitFor();
    assert.equal(await panel.locator("#logs-rows .row").count(), 1);
    await it.screenshot("calls");
    // Out of it, by keyboard: it has reverted, so what it did is undone, and its data are there.
    await slider.press("Shift+ArrowUp");
    await instruction(/PUSH1.*line 13/);
    assert.equal(await panel.locator("#logs-rows .row").count(), 0);
    assert.match(await panel.locator("#returned-count").innerText(), /32 bytes/);
    assert.match(await panel.locator("#calls-rows .row.failed").innerText(), /callee/);
    await slider.press("Shift+ArrowLeft");
    await instruction(/CALL.*line 12/);
    await slider.press("Shift+ArrowRight");
    await instruction(/PUSH1.*line 13/);
    await panel.locator("#calls-rows .row.fresh").waitFor();
    // The step's line is coloured in the callee, too, once that is in sight.
    await panel.locator("#back").click();
    await panel.locator("#instruction button", { hasText: "callee.easm:9" }).click();
    await it.page.locator(".tab.active[data-resource-name='callee.easm']").waitFor();
    await panel.locator("#back").click();
    await instruction(/callee\.easm:8/);
    await it.page.locator(".editor-instance .view-overlays [class*='ced-']").first().waitFor();
  });
});

test("a wallet script's panel shows storage, logs, calls and included files, to everybody: contrast, names, keyboard, narrow, zoomed", async () => {
  const examples = ["approve-and-deposit.easm", "lib", "contracts"];
  const files = { "reverts.easm": "    PUSH 7\n    PUSH 0\n    MSTORE\n    PUSH 32\n    PUSH 0\n    REVERT\n" };
  await inWorkbench("accessible", { examples, files, width: 1720, height: 1000 }, async (it) => {
    const panel = it.panel();
    await it.open("reverts.easm");
    await it.lens("Run on NestedVM").click();
    await panel.locator("#position", { hasText: "the end" }).waitFor();
    assert.deepEqual(await it.audit(), []);
    await it.open("approve-and-deposit.easm");
    await it.lens("Run on NestedVM").click();
    await panel.locator("#name", { hasText: "approve" }).waitFor();
    await panel.locator("#position", { hasText: "the end, after 222" }).waitFor();
    assert.match(await panel.locator("#outcome").innerText(), /return 0xd8d726b7177a80000/);
    assert.match(await panel.locator("#forms").innerText(), /250 ether/);
    assert.equal(await panel.locator("#storage-rows .row").count(), 3);
    // What wrote a slot, by itself or by its call, is a click away.
    await panel.locator("#storage-rows .row").first().locator("button", { hasText: "line 29" }).click();
    await it.page.locator(".line-numbers.active-line-number", { hasText: /^29$/ }).waitFor();
    await panel.locator("#slider").fill("5");
    await panel.locator("#instruction", { hasText: "erc20.easm:" }).waitFor();
    assert.match(await panel.locator("#storage-rows").innerText(), /none yet/);
    // Into the vault's own call of the token, in whose source the step stands.
    await panel.locator("#calls-rows .row", { hasText: "deposit" }).waitFor({ state: "detached" });
    await panel.locator("#slider").fill("150");
    await panel.locator("#frames", { hasText: "token.transferFrom" }).waitFor();
    assert.match((await panel.locator("#frames").innerText()).replace(/\s+/g, " "), /program.*vault\.deposit.*token\.transferFrom/);
    assert.match(await panel.locator("#instruction").innerText(), /token\.easm:\d+/);
    assert.match(await panel.locator("#calls-rows").innerText(), /still runs[\s\S]*still runs/);
    await it.screenshot("script");
    assert.match((await panel.locator("#slider").getAttribute("aria-valuetext")) ?? "", /^step 151, \w+, call depth 2$/);
    const wrong: string[] = [];
    for (const theme of ["Default Dark Modern", "Default Light Modern", "Default High Contrast", "Default High Contrast Light"]) {
      it.configure({ "workbench.colorTheme": theme });
      await panel.locator(`body[data-vscode-theme-id='${theme}']`).waitFor();
      wrong.push(...(await it.audit()).map((flaw) => `${theme}: ${flaw}`));
      await it.screenshot(`panel-${theme.replace("Default ", "").replace(" Modern", "").toLowerCase().replace(/ /g, "-")}`);
    }
    assert.deepEqual(wrong, []);
    // From the slider, Tab goes on through the buttons, the stack, memory and the lists, each with a ring.
    await panel.locator("#slider").focus();
    const reached = [];
    for (let press = 0; press < 9; press++) {
      await it.page.keyboard.press("Tab");
      reached.push(await panel.locator(":focus").evaluate((element) => {
        if (getComputedStyle(element).outlineStyle === "none") return `no ring: ${element.outerHTML.slice(0, 80)}`;
        return element.id || element.className || element.tagName.toLowerCase();
      }));
    }
    assert.deepEqual(reached, ["forward", "over", "out", "last", "link crumb", "link crumb", "link", "stack", "memory narrow"]);
    // As narrow as at 200 % zoom, nothing sticks out at the side.
    for (const size of [{ width: 900, height: 900 }, { width: 860, height: 500 }]) {
      await it.page.setViewportSize(size);
      await panel.locator("#slider").scrollIntoViewIfNeeded();
      const [wide, room] = await panel.locator("main").evaluate((main) => [main.scrollWidth, document.documentElement.clientWidth]);
      const out = await panel.locator("main *").evaluateAll((all) => all.filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth && !element.closest(".memory, .stack"))
        .map((element) => element.outerHTML.slice(0, 120)));
      assert.deepEqual(out, [], `${wide} pixels in ${room}`);
      assert.deepEqual(await it.audit(), [], `${size.width} wide`);
      await it.screenshot(`panel-${size.width}`);
    }
  });
});

/** Programs that end badly, or do much, by name. */
const HARD = {
  "reason.easm": `    PUSH4 selector("Error(string)")
    PUSH1 0xe0
    SHL
    PUSH 0
    MSTORE
    PUSH 32
    PUSH 4
    MSTORE
    PUSH 14
    PUSH 0x24
    MSTORE
    PUSH14 0x6e6f7420796f7572207661756c74
    PUSH1 144
    SHL
    PUSH 0x44
    MSTORE
    PUSH 0x64
    PUSH 0
    REVERT
`,
  "gas.easm": "#@ gas 2_000\nagain:\n    PUSH again\n    JUMP\n",
  "empty.easm": "# nothing here\n",
  "memory.easm": "    PUSH 42\n    PUSH 3_000_000\n    MSTORE\n    PUSH 7\n    PUSH 64\n    MSTORE\n    STOP\n",
  "returns.easm": "    PUSH 0xabcdef\n    PUSH 0\n    MSTORE\n    PUSH 1_000_000\n    PUSH 0\n    RETURN\n",
  "storage.easm": "    PUSH 1200\nagain:\n    DUP1\n    DUP1\n    SSTORE\n    PUSH 1\n    SWAP1\n    SUB\n    DUP1\n    PUSH again\n    JUMPI\n",
};

test("programs that fail, do nothing, or do very much are shown as they should", async () => {
  await inWorkbench("hard", { files: HARD, width: 1500, height: 900 }, async (it) => {
    const panel = it.panel();
    const text = (id: string) => panel.locator(id).innerText();
    const run = async (name: string): Promise<void> => {
      await it.page.keyboard.press("Control+1");
      await it.open(`${name}.easm`);
      // The lens stands above code, of which the empty program has none.
      if (name === "empty") await it.command("NestedVM: Run on NestedVM");
      else await it.lens("Run on NestedVM").click();
      await panel.locator("#name", { hasText: name }).waitFor();
      await panel.locator("#position", { hasText: "the end" }).waitFor();
      await it.screenshot(`hard-${name}`);
    };
    await run("reason");
    assert.equal(await text("#outcome"), 'revert Error("not your vault")');
    assert.equal(await panel.locator("#forms .form").count(), 0, "a selector is no number");
    await run("gas");
    assert.equal(await text("#outcome"), "halt: out of gas");
    assert.match(await text("#detail"), /JUMP at pc 0x0002/);
    assert.equal(await text("#gas-legend"), "", "all gas is gone either way");
    await run("empty");
    assert.equal(await text("#outcome"), "stop");
    await run("memory");
    assert.equal(await text("#memory-size"), "3,000,032 bytes");
    await panel.locator("#slider").fill("3");
    await panel.locator(".memory-row.changed mark", { hasText: "2a" }).waitFor();
    assert.ok((await panel.locator(".memory-row").count()) < 100);
    await run("returns");
    assert.match(await text("#outcome"), /^return 0xabcdef \(11,259,375\) \(\+999,968 bytes\)$/);
    await panel.locator("#memory-host .memory-row", { hasText: "0x0000" }).waitFor();
    await run("storage");
    assert.equal(await text("#storage-count"), "1,200");
    assert.match(await text("#storage-rows"), /line 5[\s\S]*1,000 more/);
    await panel.locator("#slider").fill("5005");
    await panel.locator("#storage-rows .row:first-child.fresh", { hasText: "0x2bc" }).waitFor();
  });
});
