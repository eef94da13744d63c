"""``nvm-lsp kernel`` as a user calls it."""

from __future__ import annotations

import pytest

from nvm_lsp.kernel.image import build


def test_codes_and_address_are_those_of_the_build(nvm):
    kernel = build(profile="threaded", verifier=True)
    options = ("--profile", "threaded", "--verifier")
    for what, value in (
        ("--runtime", kernel.runtime), ("--creation", kernel.creation),
        ("--address", kernel.address),
    ):
        done = nvm("kernel", what, *options)
        assert (done.returncode, done.stdout.lower(), done.stderr) == (0, f"0x{value.hex()}\n", "")


def test_layout_is_that_of_the_specification(nvm):
    assert nvm("kernel", "--layout").stdout.splitlines() == [
        "0x000 to 0x020  execution pointer: offset of the guest's next opcode",
        "0x020 to 0x220  jump table: 256 entries of 2 bytes",
        "0x220 to 0x340  reserved for console.log",
        "0x340 on       guest memory",
    ]
    assert nvm("kernel", "--layout", "--verifier").stdout.splitlines()[2:] == [
        "0x220 to 0x240  the verifier's answer",
        "0x240 to 0x460  the call that asks the verifier",
        "0x460 on       guest memory",
    ]


def test_gas_has_native_and_predecessor_beside_it(nvm):
    lines = nvm("kernel", "--gas").stdout.splitlines()
    assert lines[0].split() == ["opcodes", "native", "added", "predecessor"]
    assert any(line.split()[-3:] == ["9", "60", "105"] for line in lines), lines


def test_size_says_the_limit(nvm):
    runtime, creation = nvm("kernel", "--size", "--profile", "threaded").stdout.splitlines()
    assert runtime.split() == ["runtime", "16384", "bytes", "of", "24576", "at", "most"]
    assert creation.startswith("creation")


def test_source_begins_with_the_root_file(nvm):
    assert nvm("kernel", "--source").stdout.startswith("# ---- nestedvm.easm ----\n# The NestedVM")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "is required"),
        (("--runtime", "--size"), "not allowed with"),
        (("--runtime", "--fork", "london"), "there is no kernel for the fork 'london'"),
        (("--runtime", "--profile", "fast"), "invalid choice: 'fast'"),
    ],
)
def test_bad_usage_is_exit_code_2(nvm, arguments, message):
    done = nvm("kernel", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_delegatecall_only_refuses_a_run_by_call(nvm):
    program = "0x600360040160005260ff6000f3"
    assert nvm("run", program, "--delegatecall-only").returncode == 0
    refused = nvm("run", program, "--delegatecall-only", "--call")
    assert refused.returncode == 1
    assert "OnlyDelegateCall()" in refused.stdout


def test_a_refused_call_says_so(nvm):
    call = "0x60006000600060006000600060" + "00f1"
    refused = nvm("run", call, "--verifier")
    assert refused.returncode == 1
    assert "CallRefused()" in refused.stdout
    assert "verifyCall(opcode: 241" in refused.stdout
