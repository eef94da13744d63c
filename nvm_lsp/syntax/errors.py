"""The kinds of flaws that a line shows by itself, before any name is looked up."""

from nvm_lsp.diagnostics import define_kind

__all__ = ["BAD_NUMBER", "BAD_STRING", "SYNTAX_ERROR"]

SYNTAX_ERROR = define_kind(
    "SYN001",
    "syntax-error",
    """
    The line is no statement of easm.

    ## What it means
    A line holds at most one statement: an instruction with at most one operand, a label, or a
    directive that starts with `%`. The marked text is the first that does not fit. The rest of the
    file is still checked; the line itself emits nothing.

    ## Example
    ```easm
    PUSH1 0x01 0x02
    ```

    ## What to do
    Put one statement on each line, close parentheses and brackets, and separate arguments with
    commas.
    """,
)

BAD_NUMBER = define_kind(
    "SYN002",
    "bad-number",
    """
    A run of characters starts with a digit but is no number.

    ## What it means
    Numbers are decimal (`42`), hexadecimal (`0x2a`, any count of digits, either case) or binary
    (`0b101010`), with `_` allowed between digits, and at most 256 bits wide.

    ## Example
    ```easm
    PUSH1 0x1g
    ```

    ## What to do
    Mend the digits. A hexadecimal number needs its `0x`.
    """,
)

BAD_STRING = define_kind(
    "SYN003",
    "bad-string",
    r"""
    A string is not closed on its line, or holds an unknown escape.

    ## What it means
    Strings stand in double quotes on one line. Known escapes are `\\`, `\"`, `\n`, `\r`, `\t`,
    `\0` and `\xHH`.

    ## Example
    ```easm
    %bytes "no end
    ```

    ## What to do
    Close the string before the line ends; write bytes that are no text as hexadecimal numbers.
    """,
)
