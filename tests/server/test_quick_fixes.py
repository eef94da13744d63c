"""Fixes of what is wrong, as an editor meets them: `|` marks the cursor."""

from __future__ import annotations

import pytest

from tests.server import shared
from tests.server.test_code_action import act, actions, same_bytecode

client = shared.client
pytestmark = pytest.mark.asyncio(loop_scope="module")

FIXES = {
    "a label that is jumped to": (
        "PUSH lo|op\nJUMPI\nSTOP\n\nother:\n    STOP\n", "Create label loop",
        "PUSH loop\nJUMPI\nSTOP\n\nloop:\n    INVALID\n\nother:\n    STOP\n",
    ),
    "a label of a macro": (
        "%macro m()\n    PUSH skip|\n    JUMP\n%end\n%m()\n", "Create label skip",
        "%macro m()\n    PUSH skip\n    JUMP\nskip:\n%end\n%m()\n",
    ),
    "a constant": (
        "# File.\n\nstart:\n    PUSH FE|E\n", "Create constant FEE",
        "# File.\n\n%def FEE = 0\n\nstart:\n    PUSH FEE\n",
    ),
    "a constant below a comment of the code": (
        "%fork cancun\n\n# Starts.\nstart:\n    PUSH F|EE\n", "Create constant FEE",
        "%fork cancun\n%def FEE = 0\n\n# Starts.\nstart:\n    PUSH FEE\n",
    ),
    "a macro": (
        "%def A = 1\nstart:\n    %pay|(A, TO, 3)\n", "Create macro %pay",
        "%def A = 1\n\n%macro pay(a, to, value_3)\n%end\n\nstart:\n    %pay(A, TO, 3)\n",
    ),
    "another fork": ("%fork paris\nTLOAD|\n", "Set %fork cancun", "%fork cancun\nTLOAD\n"),
    "PUSH0": ("%fork paris\n    PUSH0|  # x\n", "Write PUSH 0", "%fork paris\n    PUSH 0  # x\n"),
    "a wider push": ("push1 0x12|34\n", "Write PUSH2", "push2 0x1234\n"),
    "a push that sizes itself": ("PUSH1 0x12|34\n", "Write PUSH", "PUSH2 0x1234\n"),
    "an operand": ("\tadd 3|  # x\n", "Push 3 in a line", "\tpush 3\n\tadd  # x\n"),
    "no operand": ("    ADD 3|  # x\n", "Remove the operand", "    ADD  # x\n"),
    "a block's end": (
        "%macro| m()\n    ADD\n\nstart:\n", "Insert %end", "%macro m()\n    ADD\n%end\n\nstart:\n",
    ),
    "an end of nothing": ("ADD\n%en|d # why\nADD\n", "Remove %end", "ADD\n# why\nADD\n"),
    "a table's width": (
        "%table t [a|] width 1\n%org 300\na:\n", "Make the table's width 2",
        "%table t [a] width 2\n%org 300\na:\n",
    ),
    "a macro's effect": (
        "%macro m|() takes(1) returns(2)  # m\nADD\n%end\n%m()\n", "Declare takes(2) returns(3)",
        "%macro m() takes(2) returns(3)  # m\nADD\n%end\n%m()\n",
    ),
    "a name for the second of two": (
        "a:\nPUSH a\na|:  # b\na_2:\n", "Rename this one a_3", "a:\nPUSH a\na_3:  # b\na_2:\n",
    ),
    "a name for the second of two macros": (
        "%macro m()\n%end\n%macro m|(x)\n%end\n", "Rename this one m_2",
        "%macro m()\n%end\n%macro m_2(x)\n%end\n",
    ),
    "silence on a line with a stack comment": (
        "ADD|  # [x]\nSTOP\n", "Ignore STK001 on this line",
        "ADD  # [x] # easm: ignore[STK001] -- \nSTOP\n",
    ),
    "silence beside another": (
        "idle|:  # easm: ignore[STK009] -- so\n", "Ignore LBL001 on this line",
        "idle:  # easm: ignore[STK009, LBL001] -- so\n",
    ),
    "silence in a file": (
        "# File.\n# More.\n\nidle|:\n", "Ignore LBL001 in this file",
        "# File.\n# More.\n# easm: ignore[LBL001] -- \n\nidle:\n",
    ),
}


@pytest.mark.parametrize("title", FIXES)
async def test_fix(client, open_text, title: str):
    marked, action, expected = FIXES[title]
    assert await act(client, open_text, marked, action, ["quickfix"]) == expected


async def test_only_what_is_sure_is_preferred(client, open_text):
    for marked, preferred in [
        ("PUHS1| 1\n", ["Replace with PUSH1"]),
        ("%fork paris\nTLOAD|\n", ["Set %fork cancun"]),
        ("PUSH lo|p\nPOP\n", []),  # nobody knows what it was to be
        ("PUSH1 1 # [0x2|]\nSTOP\n", []),  # the comment may be right, and the code wrong
    ]:
        _, found = await actions(client, open_text, marked, ["quickfix"])
        assert [a.title for a in found if a.is_preferred] == preferred, marked


async def test_all_findings_of_one_code(client, open_text):
    marked = "PUSH4 0xa9059c|bb\nSTOP\nidle:\nPUSH4 0x095ea7b3\nPOP\n"
    after = await act(client, open_text, marked, "Fix all 2 of VAL001")
    assert after.count("selector(") == 2
    assert "idle:" in after, "findings of other codes stay"


REWRITES = {
    "a unit": ("PUSH 1000000000000|000000\n", "Write 1 ether", "PUSH 1 ether\n"),
    "a duration": ("PUSH 17280|0\n", "Write 2 days", "PUSH 2 days\n"),
    "hexadecimal": ("PUSH1 25|5 # x\n", "Write 0xff", "PUSH1 0xff # x\n"),
    "decimal": ("PUSH1 0xf|f\n", "Write 255", "PUSH1 255\n"),
    "a value": ("PUSH1 |(1 + 2) * 3\n", "Write 9", "PUSH1 9\n"),
    "a part's value": ("PUSH1 |(1 + 2)| * 3\n", "Write 3", "PUSH1 3 * 3\n"),
    "a selector's value": ('PUSH4 selector|("f()")\n', "Write 0x26121ff0", "PUSH4 0x26121ff0\n"),
    "a selector": (
        "PUSH4 0xa905|9cbb\n", 'Write selector("transfer(address,uint256)")',
        'PUSH4 selector("transfer(address,uint256)")\n',
    ),
    "an address": (
        "PUSH20 0xdeadbeefdeadbeefdeadbeefdeadbeefdeadbe|ef\n", "Write address(",
        "PUSH20 address(0xDeaDbeefdEAdbeefdEadbEEFdeadbeEFdEaDbeeF)\n",
    ),
    "a constant of that value": (
        "%def FEE = 300\nPUSH 30|0\n", "Write constant FEE", "%def FEE = 300\nPUSH FEE\n",
    ),
    "a macro's effect": (
        "%macro m|(a)  # doc\n    PUSH a\n    ADD\n%end\n%m(1)\n", "Declare takes(1) returns(1)",
        "%macro m(a) takes(1) returns(1)  # doc\n    PUSH a\n    ADD\n%end\n%m(1)\n",
    ),
    "the effect of a macro without parameters": (
        "%macro m|  # (doc)\n    ADD\n%end\n%m()\n", "Declare takes(2) returns(1)",
        "%macro m takes(2) returns(1)  # (doc)\n    ADD\n%end\n%m()\n",
    ),
    "a JUMPDEST": (
        "PUSH1 0x04\nJUMP\nINVALID\n  JUMP|DEST  # here\n", "Name the JUMPDEST at_4",
        "PUSH1 at_4\nJUMP\nINVALID\nat_4:  # here\n",
    ),
    "a label that is jumped to": (
        "PUSH1 0x0|4\nJUMP\nINVALID\nend:\n", "Push label end", "PUSH1 end\nJUMP\nINVALID\nend:\n",
    ),
}


@pytest.mark.parametrize("title", REWRITES)
async def test_rewriting(client, open_text, title: str):
    marked, action, expected = REWRITES[title]
    assert await same_bytecode(client, open_text, marked, action) == expected


async def test_fewer_instructions(client, open_text):
    for marked, title, expected in [
        ("CALLER\nORIGIN\nSWAP1|  # [a, b]\nlt  # [c]\n", "Write GT for SWAP1 LT",
         "CALLER\nORIGIN\ngt  # [c]\n"),
        ("%def A = 3\nPUSH1 A  # [a]\nPUSH1 4\nSUB|  # [rest]\n", "Fold into PUSH 4 - A",
         "%def A = 3\nPUSH 4 - A  # [rest]\n"),
        ("PUSH1 1\npush0|\nSUB\n", "Fold into PUSH 0xfff", f"PUSH 0x{'f' * 64}\n"),
    ]:
        assert await act(client, open_text, marked, title) == expected


async def test_numbers_that_are_something_else_tomorrow_stay(client, open_text):
    for marked in (
        "PUSH here| + 1\nhere:\n", "%bytes 0x00|ff\n", "%macro m(x)\nPUSH x| + 1\n%end\n%m(1)\n",
        "PUSH pc| + 1\n",
    ):
        _, found = await actions(client, open_text, marked, ["refactor.rewrite"])
        assert not [a.title for a in found if a.title.startswith("Write 0x")], marked
