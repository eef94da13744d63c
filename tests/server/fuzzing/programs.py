"""What is typed at random: lines of all kinds, and programs that can be run."""

from __future__ import annotations

import random

__all__ = [
    "CONFIGURATIONS", "SCENARIOS", "SETTINGS", "TYPED", "library", "program", "some_lines",
    "statements",
]

LINES = [
    '%include "library.easm"', "  PUSH A + B", "STOP", "PUSH1 1",
    "PUSH2 0x1234  # [a]", "ADD", "ADDD", "PUSH start", "start:", "JUMP",
    "JUMPI", "DUP1", "SWAP1", "POP", "again:", "PUSH again", "  PUSH A + 2", "%def A = 3",
    "%def B = A * 2", "%macro twice(x)", "PUSH x", "%end", "%twice(4)", "%twice(", "%if A > 2",
    "%else", '%include "sub/inner.easm"', '%include "program.easm"', '%bytes "text 😀", 0x00',
    "%bytes table", "table:", "# a comment é 😀", "#@ calldata 0x01", "#@ blance 1", "#? stack",
    "#= return 7", "#= ", "MSTORE", "SSTORE", "RETURN", "%unknown(1)", "", "\t", "PUSH1 0x",
    "PUSH 1 +", '"unclosed', "%def C =", "# easm: ignore[STK001]", "%org 0x40", "%align 32",
    "CALLDATALOAD", "SELFDESTRUCT", "%fork london", "e\u0301: # combining", "%table t", "PUSH1 😀",
    '%include "../two/shared.easm"', "#@ scenario cases.toml", "%incbin \"code.hex\"", "%shared()",
    "# form\x0cfeed", "PUSH1 2 # \u2028 \x85 no line ends", "#@ case two", "%assert A == 3",
    '#@ deploy 0x11 sub/inner.easm', "%table t [start, again] width 2", '%include "none.easm"',
    "\ufeffSTOP", "PUSH4 selector(\"transfer(address,uint256)\")  # 😀😀", "# easm: ignore",
    "%macro m(a, b) takes(1) returns(2)", ".text:", "PUSH len(text)", "#? stack[0]", "MLOAD",
]
TYPED = [
    "P", "PUSH", "\n", " ", "%", ":", "#", "A", "0x", "😀", "é", "start", "(", "\r\n", "\r", '"',
    "\t", "\x00", "e\u0301", "\n\n", "%end\n", "%macro x()\n",
]
#: Stretches of code that leave the stack as it was.
_STEPS = [
    "    PUSH1 1\n    POP\n", "    PUSH A\n    PUSH 0\n    MSTORE\n", "    %twice(3)\n    POP\n",
    "    PUSH 3\n    PUSH 4\n    ADD             # [sum]\n    POP\n",
    "    PUSH B  # [b]\n    POP\n", "    PUSH A * 2 + 1\n    ISZERO\n    POP\n",
    "    PUSH 1\n    PUSH 0\n    SSTORE\n", "    PUSH 0\n    SLOAD  #? stack[0]\n    POP\n",
    "    CALLER  # 😀 who\n    POP\n", "    PUSH 1\n    PUSH 2\n    MUL  #= stack[0] 2\n    POP\n",
    "    PUSH 0xdeadbeef\n    DUP1\n    SWAP1\n    XOR\n    POP\n", "# a comment\n\n",
    "    PUSH 5\n    PUSH 0\n    DIV\n    POP\n", "    GAS\n    ISZERO\n    POP\n",
    "    PUSH 1 ether\n    POP\n", "    PUSH1 0x20\n    CALLDATALOAD\n    POP  # done\n",
    "    PUSH2 0x0001\n    PUSH1 0\n    MSTORE8\n", "    PUSH 7\n    PUSH 8\n    SUB\n    POP\n",
]
_JOINS = [
    "    PUSH {0}\n    JUMP\n{0}:\n", "    PUSH 1\n    PUSH {0}\n    JUMPI\n{0}:\n",
    "    PUSH 3\n{0}:\n    PUSH 1\n    SWAP1\n    SUB\n    DUP1\n    PUSH {0}\n    JUMPI\n"
    "    POP\n",
]
_ENDS = [
    "    STOP\n", "    PUSH 32\n    PUSH 0\n    RETURN\n", "    PUSH 0\n    PUSH 0\n    REVERT\n",
    "    STOP\n.data:\n    %bytes \"some\", 0x00\n", "", "    INVALID\n",
]
_HEADS = [
    "#@ storage 0 = 3\n", "#@ value 1 ether\n", "#@ case one\n#@ calldata 0x01\n#@ case two\n",
    "#@ scenario cases.toml\n", "%fork cancun\n", "#= stop\n", "#@ target evm\n", "#= return 7\n",
]
_OWN = "%def A = 3\n%def B = A * 2\n%macro twice(x)\n    PUSH x\n    DUP1\n    ADD\n%end\n"
_SHARED = [
    '%include "library.easm"\n', '%include "sub/inner.easm"\n', '%include "../two/shared.easm"\n',
]
SCENARIOS = [
    'fork = "cancun"\n\n[storage]\n0 = 5\n\n[[case]]\nname = "five"\nexpect = ["stop"]\n',
    '[[case]]\nname = "one"\nexpect = ["storage[0] 1"]\nstorage = { 0 = 10 }\n',
    "nonsense = 1\n", "fork = \n", "", '[[case]]\nname = "é😀"\nvalue = "1 ether"\n',
]
CONFIGURATIONS = [
    "", 'fork = "london"\n', 'ignore = ["STK", "OPT"]\n', 'select = ["ALL"]\n', "fork =\n",
    'nonsense = 1\nfork = "nowhere"\n', 'exclude = ["sub/"]\n', 'target = "evm"\n',
    '[format]\nmnemonic-case = "lower"\ncomment-column = 40\n', '[levels]\nOPT = "off"\n',
    '[[overrides]]\nfiles = ["sub/**"]\nignore = ["STK"]\n',
]
SETTINGS = [
    {}, {}, {}, {"lint": {"run": "onSave"}}, {"lint": {"enable": False}}, {"fork": "paris"},
    {"lint": {"select": ["ALL"]}}, {"limits": {"fileSize": 2000}}, {"limits": {"diagnostics": 3}},
    {"includes": {"allowOutside": True}}, {"codeLens": {"enable": False}},
    {"completion": {"snippets": False}}, {"documentLinks": {"opcodes": True}},
    {"format": {"enable": False}}, {"lint": {"target": "evm"}},
    {"lint": {"severity": {"STK": "hint"}}}, {"nonsense": 1, "lint": 3},
    {"inlayHints": {"results": True}}, {"inlayHints": {"stack": False, "results": True}},
    {"run": {"onSave": True}}, {"run": {"target": "evm"}}, {"inlayHints.gas": False},
]


def some_lines(pick: random.Random, count: int, end: str = "\n") -> str:
    return "".join(pick.choice(LINES) + end for _ in range(count))


def statements(pick: random.Random) -> str:
    """Lines that can stand anywhere in a program that is sound, and leave it so."""
    if pick.random() < 0.2:
        return pick.choice(_JOINS).format(f"l{pick.randint(0, 999)}")
    return pick.choice(_STEPS)


def program(pick: random.Random) -> str:
    """A program that mostly has no errors."""
    head = [pick.choice(_HEADS)] if pick.random() < 0.3 else []
    shared = pick.choice(_SHARED) if pick.random() < 0.5 else _OWN
    body = [statements(pick) for _ in range(pick.randint(1, 12))]
    text = "".join([*head, shared, *body, pick.choice(_ENDS)])
    end = pick.choices(("\n", "\r\n", "\r"), (12, 2, 1))[0]
    return text.replace("\n", end)


def library(pick: random.Random) -> str:
    """What programs include."""
    macro = "%macro shared()\n    PUSH 1\n    POP\n%end\n"
    more = pick.choice(("", "", "", macro, "ADDD\n", "    STOP\n"))
    return _OWN.replace("3", str(pick.randint(1, 300)), 1) + more
