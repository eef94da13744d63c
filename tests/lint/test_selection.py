"""Which kinds a configuration asks for: layers, beginnings of codes, levels."""

from __future__ import annotations

import pytest

from nvm_lsp.configuration import FileSettings, Layer
from nvm_lsp.diagnostics import Kind, Severity
from nvm_lsp.lint.selection import level_of, unknown_codes

KINDS = [
    Kind("ABC001", "one", Severity.WARNING, ""), Kind("ABC002", "two", Severity.ERROR, ""),
    Kind("XYZ001", "three", Severity.HINT, ""), Kind("XYZ002", "asked-for", Severity.OFF, ""),
]
ALL = ("ALL",)


@pytest.mark.parametrize(
    ("layers", "codes"),
    [
        ([], "ABC001 ABC002 XYZ001"),
        ([Layer()], "ABC001 ABC002 XYZ001"),
        ([Layer(select=("ABC",))], "ABC001 ABC002"),
        ([Layer(select=())], ""),
        ([Layer(select=ALL)], "ABC001 ABC002 XYZ001 XYZ002"),
        ([Layer(extend_select=("XYZ002",))], "ABC001 ABC002 XYZ001 XYZ002"),
        ([Layer(ignore=("ABC",))], "XYZ001"),
        ([Layer(ignore=ALL)], ""),
        # In one layer the longest beginning decides, and a tie is passed over.
        ([Layer(select=("ABC001",), ignore=("ABC",))], "ABC001"),
        ([Layer(select=("ABC",), ignore=("ABC001",))], "ABC002"),
        ([Layer(select=("ABC",), ignore=("ABC",))], ""),
        ([Layer(extend_select=("A",), ignore=("AB",))], "XYZ001"),
        # A later layer outweighs an earlier one.
        ([Layer(ignore=("ABC001",)), Layer(extend_select=("A",))], "ABC001 ABC002 XYZ001"),
        ([Layer(select=("ABC001",)), Layer(ignore=("A",))], ""),
        ([Layer(select=("ABC",)), Layer(select=("XYZ",))], "XYZ001 XYZ002"),
        ([Layer(ignore=("ABC",)), Layer(extend_select=("XYZ",))], "XYZ001 XYZ002"),
    ],
)
def test_layers(layers, codes):
    settings = FileSettings(layers=tuple(layers))
    asked = [k.code for k in KINDS if level_of(k, settings) is not Severity.OFF]
    assert " ".join(asked) == codes


def test_levels():
    levels = (("ABC", "info"), ("ABC002", "off"), ("XYZ002", "error"))
    settings = FileSettings(levels=levels)
    assert [level_of(k, settings).value for k in KINDS] == ["info", "off", "hint", "error"]
    settings = FileSettings((Layer(select=ALL),), levels)
    assert [level_of(k, settings).value for k in KINDS] == ["info", "off", "hint", "error"], (
        "a code that a level turns off stays off"
    )
    settings = FileSettings((Layer(select=ALL),))
    assert level_of(KINDS[3], settings) is Severity.WARNING, "one that is off by itself"


def test_codes_that_nothing_begins_with_are_unknown():
    layers = [Layer(("ABC", "ALL", "ABD"), ("",), ("XYZ003",))]
    assert list(unknown_codes(layers, [("X", "off"), ("ALL", "off"), ("Y", "off")], KINDS)) == [
        ("select", "ABD", "did you mean ABC?"),
        ("extend-select", "", "write ALL for all"),
        ("ignore", "XYZ003", "did you mean XYZ002?"),
        ("levels", "ALL", "known are ABC, XYZ"),
        ("levels", "Y", "known are ABC, XYZ"),
    ]
