"""The kinds of flaws that expansion and assembly find; the page of each is written here only."""

from nvm_lsp.diagnostics import define_kind

UNKNOWN_MNEMONIC = define_kind(
    "ASM001",
    "unknown-mnemonic",
    """
    The first word of a line is no mnemonic of the EVM.

    ## What it means
    Mnemonics are the names of opcodes, in any case, and the aliases SHA3, DIFFICULTY, RANDOM and
    SUICIDE. A macro is used with a percent sign, a label is declared with a colon.

    ## Example
    ```easm
    PUHS1 0x01
    ```

    ## What to do
    Take one of the suggested names, or add the `%` or the `:` that is missing.
    """,
)

LATER_FORK = define_kind(
    "ASM002",
    "opcode-of-later-fork",
    """
    The opcode does not exist yet in the fork that the program targets.

    ## What it means
    A program is assembled for one fork: the one of `%fork`, of `--fork`, or Prague. On that fork
    the byte would be an invalid instruction.

    ## Example
    ```easm
    %fork paris
    PUSH0
    ```

    ## What to do
    Target a newer fork, or write the instruction in older ones: `PUSH 0` picks `PUSH0` or
    `PUSH1 0` by itself.
    """,
)

MISSING_OPERAND = define_kind(
    "ASM003",
    "missing-operand",
    """
    A PUSH has no operand.

    ## What it means
    `PUSH1` to `PUSH32` and `PUSH` take the value to push on the same line.

    ## Example
    ```easm
    PUSH1
    ```

    ## What to do
    Write the value behind it; to push zero, `PUSH 0`.
    """,
)

SUPERFLUOUS_OPERAND = define_kind(
    "ASM004",
    "superfluous-operand",
    """
    An instruction that takes no operand has one.

    ## What it means
    Only PUSH has an operand. All other instructions take their inputs from the stack, so what is
    written behind them would be lost.

    ## Example
    ```easm
    ADD 1
    ```

    ## What to do
    Push the value in a line before, or remove it.
    """,
)

OPERAND_TOO_WIDE = define_kind(
    "ASM005",
    "operand-too-wide",
    """
    A value does not fit in the bytes it was given.

    ## What it means
    `PUSHn` has room for n bytes, and its width is never changed behind your back. The same holds
    for `expr:n` in `%bytes` and for fill bytes.

    ## Example
    ```easm
    PUSH1 0x100
    ```

    ## What to do
    Take the wider push that the message names, or `PUSH`, which sizes itself.
    """,
)

UNDEFINED_NAME = define_kind(
    "ASM006",
    "undefined-name",
    """
    A name is used that no label, constant or table has.

    ## What it means
    Names are case-sensitive. Labels inside a macro are known in that macro only.

    ## Example
    ```easm
    PUSH lop
    JUMP
    loop:
    ```

    ## What to do
    Mend the spelling, or define the name: `name:` for a label, `%def NAME = value` for a constant.
    """,
)

DUPLICATE_NAME = define_kind(
    "ASM007",
    "duplicate-name",
    """
    A name is defined twice.

    ## What it means
    Labels, constants and tables share one set of names, macros have another. The first definition
    counts.

    ## Example
    ```easm
    loop:
    loop:
    ```

    ## What to do
    Rename one of the two; the message names the other place.
    """,
)

INCLUDE_CYCLE = define_kind(
    "ASM008",
    "include-cycle",
    """
    A file includes itself, directly or through other files.

    ## What it means
    The included text would never end. The chain of includes is shown.

    ## Example
    A file `a.easm` with the line `%include "a.easm"`.

    ## What to do
    Move what both files need into a third one.
    """,
)

INCLUDE_UNREADABLE = define_kind(
    "ASM009",
    "unreadable-include",
    """
    An included file cannot be read.

    ## What it means
    Paths are relative to the file that includes. The message says whether the file is missing,
    is a folder, is no text, is too large, or lies outside the folder that may be read.

    ## Example
    ```easm
    %include "no-such-file.easm"
    ```

    ## What to do
    Mend the path, or create the file.
    """,
)

MACRO_ARITY = define_kind(
    "ASM010",
    "macro-arity",
    """
    A macro is used with more or fewer arguments than it has parameters.

    ## What it means
    Each parameter needs one argument, in order.

    ## Example
    ```easm
    %macro store(value, offset)
        PUSH value
        PUSH offset
        MSTORE
    %end
    %store(1)
    ```

    ## What to do
    Give as many arguments as the head of the macro names.
    """,
)

MACRO_RECURSION = define_kind(
    "ASM011",
    "macro-recursion",
    """
    A macro uses itself, directly or through others.

    ## What it means
    Macros are replaced by their bodies, so the expansion would never end. The chain of uses is
    shown.

    ## Example
    ```easm
    %macro again()
        %again()
    %end
    %again()
    ```

    ## What to do
    Write a loop with a label and a jump.
    """,
)

MACRO_EFFECT = define_kind(
    "ASM012",
    "macro-effect-mismatch",
    """
    A macro's body does something else to the stack than its head declares.

    ## What it means
    `takes(n)` is the number of words that the body may use of what it finds on the stack,
    `returns(m)` the number that it leaves in their place. Paths that end in the body (RETURN,
    REVERT, STOP, a jump out) are not counted.

    ## Example
    ```easm
    %macro double() takes(1) returns(1)
        DUP1
    %end
    %double()
    ```

    ## What to do
    Mend the body or the head.
    """,
)

EXPRESSION_RANGE = define_kind(
    "ASM013",
    "expression-out-of-range",
    """
    The value of an expression is negative, or wider than 256 bits.

    ## What it means
    Expressions are computed in whole numbers and never wrap around. Also intermediate results
    must stay from 0 to 2^256 - 1.

    ## Example
    ```easm
    PUSH 1 - 2
    ```

    ## What to do
    Reorder the expression, or write the wrapped value itself: `PUSH ~0` is 2^256 - 1.
    """,
)

DIVISION_BY_ZERO = define_kind(
    "ASM014",
    "division-by-zero",
    """
    An expression divides by zero.

    ## What it means
    Unlike the EVM's DIV and MOD, `/` and `%` have no result for a divisor of zero.

    ## Example
    ```easm
    PUSH 1 / 0
    ```

    ## What to do
    Look at the constants that the divisor is made of.
    """,
)

BAD_CHECKSUM = define_kind(
    "ASM015",
    "bad-checksum",
    """
    An address in mixed case does not have the checksum of EIP-55, or is not 20 bytes long.

    ## What it means
    The case of an address's letters tells whether it was copied whole. A wrong one is most often
    a slip in a digit. An address all in lower or all in upper case carries no checksum.

    ## Example
    ```easm
    PUSH20 address(0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD1)
    ```

    ## What to do
    Copy the address again from its source. Only if it is surely right, take the suggested case.
    """,
)

UNCLOSED_BLOCK = define_kind(
    "ASM016",
    "unclosed-block",
    """
    A `%macro` or `%if` has no `%end`.

    ## What it means
    All that follows, to the file's end, counts as its body. A block ends in the file it began in.

    ## Example
    ```easm
    %macro answer()
        PUSH1 42
    ```

    ## What to do
    Put `%end` behind the body.
    """,
)

UNMATCHED_END = define_kind(
    "ASM017",
    "unmatched-end",
    """
    An `%end` or `%else` has no `%macro` or `%if` that it belongs to.

    ## What it means
    Each `%macro` and each `%if` has one `%end`, and an `%if` at most one `%else`.

    ## Example
    ```easm
    STOP
    %end
    ```

    ## What to do
    Remove it, or look for the opening line that was lost.
    """,
)

TABLE_WIDTH = define_kind(
    "ASM018",
    "table-width",
    """
    The entries of a table do not fit its width, or the width is none.

    ## What it means
    Every entry of `%table name [a, b] width n` takes n bytes, n from 1 to 32.

    ## Example
    ```easm
    %table powers [1, 0x100] width 1
    ```

    ## What to do
    Take a larger width.
    """,
)

ASSERTION_FAILED = define_kind(
    "ASM019",
    "assertion-failed",
    """
    The expression of an `%assert` is zero.

    ## What it means
    The program's author wrote down what must hold of it, and it does not hold any more.

    ## Example
    ```easm
    %def SIZE = 33
    %assert SIZE <= 32 "must fit one word"
    ```

    ## What to do
    Restore what is asserted, or, if the program is right, change the assertion.
    """,
)

UNKNOWN_FORK = define_kind(
    "ASM020",
    "unknown-fork",
    """
    There is no fork of that name.

    ## What it means
    Forks are the named rule sets of the execution layer, from frontier to prague.

    ## Example
    ```easm
    %fork shangai
    ```

    ## What to do
    Take one of the suggested names.
    """,
)

UNDEFINED_MACRO = define_kind(
    "ASM021",
    "undefined-macro",
    """
    A macro is used that is not defined, or a directive that does not exist.

    ## What it means
    A macro is defined with `%macro name(…)` … `%end` in this file or in one that it includes.

    ## Example
    ```easm
    %trasnfer(1, 2)
    ```

    ## What to do
    Mend the spelling, or include the file that defines the macro.
    """,
)

NOT_CONSTANT = define_kind(
    "ASM022",
    "not-constant",
    """
    A value depends on a label where it must be known before the program is laid out.

    ## What it means
    Conditions, and the targets of `%org` and `%align`, decide where labels come to stand, so they
    can be made of numbers, constants and build options only.

    ## Example
    ```easm
    here:
    %if here
    %end
    ```

    ## What to do
    Use a constant; to check an offset, use `%assert`.
    """,
)

RESERVED_NAME = define_kind(
    "ASM023",
    "reserved-name",
    """
    A mnemonic is defined as a name.

    ## What it means
    Labels, constants, tables, macros and parameters cannot bear the name of an instruction, in any
    case: a reader could not tell one from the other.

    ## Example
    ```easm
    add:
    ```

    ## What to do
    Choose another name.
    """,
)

BAD_ARGUMENT = define_kind(
    "ASM024",
    "bad-argument",
    """
    A function of expressions does not exist, or cannot take what it was given.

    ## What it means
    Functions are `len(name)`, `selector("f(uint256)")`, `topic("E(address)")`,
    `keccak256("text")` and `address(0x…)`. Units are wei, gwei, ether, seconds, minutes, hours,
    days and weeks. A string is no number.

    ## Example
    ```easm
    PUSH4 selector("transfer(address,uint)")
    ```

    ## What to do
    Mend the name or the argument.
    """,
)

ORG_BACKWARDS = define_kind(
    "ASM025",
    "org-backwards",
    """
    `%org` names an offset that the program has passed already.

    ## What it means
    `%org` only pads; it never goes back over bytes that were emitted.

    ## Example
    ```easm
    PUSH2 0x1234
    %org 1
    ```

    ## What to do
    Name a larger offset, or make the code before it shorter.
    """,
)

MISPLACED_DIRECTIVE = define_kind(
    "ASM026",
    "misplaced-directive",
    """
    A directive stands in a macro's body, where it cannot work.

    ## What it means
    A body may hold instructions, labels, data, assertions, conditions and uses of other macros.
    Macros, constants, includes and forks are declared outside.

    ## Example
    ```easm
    %macro outer()
    %def X = 1
    %end
    ```

    ## What to do
    Move the line in front of the macro.
    """,
)

LIMIT_EXCEEDED = define_kind(
    "ASM027",
    "limit-exceeded",
    """
    The program grew past a limit while it was expanded.

    ## What it means
    Limits on the depth of includes, on including the same files over and over, on the number of
    expanded instructions and on the size of the output keep a slip, or a hostile file, from taking
    all time and memory.

    ## Example
    ```easm
    %org 0xffffffff
    ```

    ## What to do
    Look for a macro that multiplies itself through others, or for a wrong `%org`.
    """,
)

CIRCULAR_CONSTANT = define_kind(
    "ASM028",
    "circular-constant",
    """
    A constant is defined by itself, directly or through others.

    ## What it means
    Constants may use others that are defined later, but in the end each must come down to numbers
    and labels.

    ## Example
    ```easm
    %def A = B
    %def B = A
    PUSH A
    ```

    ## What to do
    Give one of them a value of its own.
    """,
)

WIDTH_NEEDED = define_kind(
    "ASM029",
    "width-needed",
    """
    An item of `%bytes` does not tell how many bytes it takes.

    ## What it means
    Strings and hexadecimal numbers tell their size by themselves; decimal numbers, names and
    expressions need `:n`, n from 1 to 32.

    ## Example
    ```easm
    %bytes 1 + 1
    ```

    ## What to do
    Write the width: `1 + 1:4`.
    """,
)
