"""What the rules find is written below the line where they find it."""

from __future__ import annotations

from house_rules import repeated_push, unnamed_slot
from nvm_lsp.testing import RuleTester


def test_repeated_push():
    RuleTester(repeated_push.RULE).check("""
#! case the same value
    PUSH2 0x1234
    PUSH2 0x1234
#!  ^^^^^^^^^^^^ HSE001 0x1234 is on top of the stack already
#! fix safe: Replace with DUP1 => DUP1
    SSTORE
    STOP
#! case other values, and no operand
    PUSH1 1
    PUSH1 2
    PUSH0
    PUSH0
    STOP
#! case the same value in another width
    PUSH1 1
    PUSH2 1
    STOP
#! case in a macro
%macro twice()
    PUSH1 7
    PUSH1 7
%end
    %twice()
    STOP
""")


def test_unnamed_slot():
    RuleTester(unnamed_slot.RULE).check("""
#! case a number
    PUSH1 1
    PUSH1 3
#!  ^^^^^^^ HSE002 slot 0x3 of storage has no name
    SSTORE
    PUSH2 0x0fff
#!  ^^^^^^^^^^^^ HSE002 slot 0xfff of storage has no name
    SLOAD
    STOP
#! case a name
%def OWNER = 3
    PUSH OWNER
    SLOAD
    STOP
#! case computed
    PUSH1 1
    DUP1
    SSTORE
    STOP
""")
