"""Texts that are made to cost much: what is done per finding must not grow with all of the text."""

from __future__ import annotations

from nvm_lsp.analysis import signatures
from nvm_lsp.assembler import assemble_text
from nvm_lsp.lint.linter import check


def test_signatures_are_not_hashed_anew_for_each_number(monkeypatch):
    hashed = []
    selector_of = signatures.selector_of
    monkeypatch.setattr(signatures, "selector_of", lambda s: hashed.append(s) or selector_of(s))
    text = "".join(f'PUSH selector("f{n}()")\nPUSH 0x0902f1ac\n' for n in range(100)) + "STOP\n"
    found = [d for d in check(assemble_text(text)) if d.code == "VAL001"]
    assert len(found) == 100
    assert len(hashed) < 1000  # for each number it would be 10,000


def test_a_suppression_of_more_codes_than_anybody_names_is_none():
    for count, codes in ((3, {"SUP002"}), (101, {"SUP004"})):
        names = ", ".join(f"QQ{n:03}" for n in range(count))
        found = check(assemble_text(f"STOP  # easm: ignore[{names}]\n"))
        assert {d.code for d in found} == codes


def test_after_many_unknown_codes_there_are_no_guesses_any_more():
    text = "".join(f"STOP  # easm: ignore[STK{n}] -- so\n" for n in range(700, 900))
    found = [d for d in check(assemble_text(text)) if d.code == "SUP002"]
    assert len(found) == 200
    assert [bool(d.hint) for d in found] == [True] * 100 + [False] * 100


def test_macros_that_look_like_thousands_of_others_are_compared_with_few():
    text = "".join(f"%macro name{n}()\nSTOP\n%end\n" for n in range(3000))
    found = assemble_text(text + "%nome7()\n%xxxxxxx()\n").diagnostics
    assert [d.hint for d in found] == [
        "did you mean %name7?", "define it with %macro, or include its file",
    ]
