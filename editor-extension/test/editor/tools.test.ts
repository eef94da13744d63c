/** The commands on programs and bytecode, the Testing view, tasks. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { inWorkbench } from "./workbench";

const TESTED = `# Adds two numbers.
#@ case right
#= return 0x07
#@ case wrong
#= return 0x08
    PUSH1 3
    PUSH1 4
    ADD
    PUSH 0
    MSTORE
    PUSH1 0x20
    PUSH 0
    RETURN
`;

test("bytecode is shown, copied and disassembled; the control flow is drawn", async () => {
  await inWorkbench("tools", { examples: ["loop.easm"] }, async (it) => {
    await it.open("loop.easm");
    await it.lens("Run on NestedVM").waitFor();
    await it.command("NestedVM: Copy Bytecode");
    await it.page.locator(".statusbar-item", { hasText: "bytes of code copied" }).waitFor();
    await it.command("NestedVM: Disassemble Selection or Clipboard");
    await it.line("Disassembled from the clipboard").waitFor();
    await it.line("JUMPI").waitFor();
    await it.page.keyboard.press("Control+1");
    await it.command("NestedVM: Show Bytecode and Listing");
    await it.line(/loop\.easm:\s\d+\sbytes/).waitFor();
    await it.page.keyboard.press("Control+1");
    await it.command("NestedVM: Show Control-Flow Graph");
    const graph = it.panel();
    await graph.locator(".block").nth(2).waitFor();
    await it.screenshot("control-flow");
    await graph.locator(".block", { hasText: "next" }).first().click();
    await it.page.locator(".editor-instance .line-numbers.active-line-number", { hasText: /^7$/ }).first().waitFor();
  });
});

test("a program is compared with its native run and traced; the walkthrough and a sample open", async () => {
  await inWorkbench("compare", { examples: ["loop.easm"] }, async (it) => {
    await it.open("loop.easm");
    await it.lens("Compare with native").click();
    await it.panel().locator("td", { hasText: "native" }).first().waitFor();
    await it.screenshot("compare");
    await it.page.keyboard.press("Control+1");
    await it.command("NestedVM: Export Trace (EIP-3155)…");
    await it.page.locator(".quick-input-widget .monaco-button", { hasText: /OK|Save/ }).first().click();
    await it.notification("written to loop.jsonl").waitFor();
    const rows = readFileSync(path.join(it.folder, "loop.jsonl"), "utf8").trim().split("\n").map((row) => JSON.parse(row) as { line?: number });
    assert.deepEqual([rows[0]?.line, rows.length], [5, 1109]);
    await it.command("NestedVM: Get Started");
    await it.page.locator(".gettingStartedContainer", { hasText: "Set up the language server" }).waitFor();
    await it.screenshot("walkthrough");
    await it.command("NestedVM: Open a Sample Program");
    await it.page.locator(".quick-input-list .monaco-list-row", { hasText: "Approve and deposit" }).click();
    await it.page.locator(".tab.active[data-resource-name='approve-and-deposit.easm']").waitFor();
  });
});

test("guest tests are found, run, and their failures shown at the line", async () => {
  await inWorkbench("testing", { files: { "tested.easm": TESTED } }, async (it) => {
    await it.open("tested.easm");
    await it.lens("Run on NestedVM").waitFor();
    await it.command("Testing: Focus on Test Explorer View");
    await it.page.locator(".test-explorer .monaco-list-row", { hasText: "tested.easm" }).waitFor();
    await it.command("Test: Run All Tests");
    await it.page.locator(".test-explorer .monaco-list-row .codicon-testing-failed-icon").first().waitFor();
    await it.page.locator(".test-error-content-widget", { hasText: "return 7 != return 0x08" }).first().waitFor();
    await it.screenshot("testing");
    await it.command("Test: Run All Tests with Coverage");
    await it.page.locator(".coverage-deco-gutter, .coverage-deco-inline").first().waitFor();
    await it.screenshot("coverage");
  });
});

test("the check task turns findings of the workspace into problems", async () => {
  await inWorkbench("tasks", { files: { "flawed.easm": "    PUSH1 3\n    ADDD\n", "fine.easm": "    STOP\n" } }, async (it) => {
    await it.open("fine.easm");
    await it.lens("Run on NestedVM").waitFor();
    await it.command("NestedVM: Check All Programs of the Workspace");
    await it.page.locator(".terminal-outer-container").waitFor();
    await it.page.keyboard.press("Control+Shift+m");
    await it.page.locator(".markers-panel .monaco-list-row", { hasText: "ADDD" }).first().waitFor();
    await it.screenshot("problems");
  });
});
