"""Forks that py-evm does not know: Osaka beside another EVM, and a chain with its own opcodes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from nvm_lsp import chain, plugin_failures, plugins
from nvm_lsp.assembler import assemble_text, disassemble
from nvm_lsp.chain import ForkEntry, Machine, OpcodeEntry, Precompile, pure
from nvm_lsp.hookspecs import hookimpl
from nvm_lsp.kernel.image import build, host_forks
from nvm_lsp.opcodes import FORKS, Opcode, instruction_set, opcode_by_code
from nvm_lsp.runner import machine
from nvm_lsp.runner.machine import Account, Execution, Message, World, execute
from nvm_lsp.runner.run import Request, Run, run
from nvm_lsp.runner.scenario import Scenario

NODE = Path(__file__).parent / "node"
_GAS = 5_000_000
_ME = b"\x11" * 20
_MODEXP, _P256 = (number.to_bytes(20, "big") for number in (0x05, 0x100))
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


# Another EVM --------------------------------------------------------------------------------------

Ask = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def other() -> Ask:
    """Runs messages on @ethereumjs/evm; see tests/node/evm.mjs."""
    if not (NODE / "node_modules" / "@ethereumjs" / "evm").exists():
        npm = shutil.which("npm")
        assert npm is not None, "npm is needed to install the EVM that these tests compare with"
        options = ("--no-package-lock", "--no-audit", "--no-fund", "--silent")
        subprocess.run([npm, "install", "--prefix", str(NODE), *options], check=True, timeout=280)
    node = shutil.which("node")
    assert node is not None, "node is needed for the EVM that these tests compare with"

    def ask(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [node, str(NODE / "evm.mjs")], input="".join(f"{json.dumps(m)}\n" for m in messages),
            capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


def ours(code: bytes, *, fork: str = "osaka", to: bytes = _ME, data: bytes = b"") -> Execution:
    return execute(
        World({_ME: Account(balance=1, nonce=1, code=code)}),
        Message(to, code, data, gas=_GAS), fork=fork,
    )


def same(here: Execution, there: dict[str, Any]) -> bool:
    if here.outcome == "halt":
        return there["error"] is not None and there["gas"] == here.gas_used == _GAS
    return there == {"gas": here.gas_used, "output": here.output.hex(), "error": None}


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def check_precompile(other: Ask, address: bytes, inputs: list[bytes]) -> list[Execution]:
    answers = other(
        [{"fork": "osaka", "to": address.hex(), "data": i.hex(), "gas": _GAS} for i in inputs]
    )
    found = [ours(b"", to=address, data=each) for each in inputs]
    for data, here, there in zip(inputs, found, answers, strict=True):
        assert same(here, there), f"{data.hex()}: {here.outcome} {here.gas_used} {there}"
    return found


def test_clz_of_border_words(other: Ask) -> None:
    values = [0, 1, 2, 3, 2**256 - 1, *(2**n - d for n in range(7, 256, 8) for d in (0, 1))]
    codes = [b"\x7f" + words(v) + bytes.fromhex("1e5f5260205ff3") for v in values]
    codes += [b"\x1e", b"\x5f\x1e" * 1024, b"\x5f\x1e\x50" * 1025]
    answers = other([{"fork": "osaka", "code": code.hex(), "gas": _GAS} for code in codes])
    for code, there in zip(codes, answers, strict=True):
        assert same(ours(code), there), (code.hex(), there)
    assert ours(codes[0]).output == words(256)
    assert ours(codes[0], fork="prague").outcome == "halt"


def p256_inputs() -> list[bytes]:
    key = ECC.construct(curve="p256", d=0x1234567890ABCDEF)
    x, y = int(key.pointQ.x), int(key.pointQ.y)
    found = []
    for message in (b"", b"a", b"nvm"):
        hashed = SHA256.new(message)
        signed = DSS.new(key, "deterministic-rfc6979").sign(hashed)
        r, s = int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big")
        digest = int.from_bytes(hashed.digest(), "big")
        found += [
            words(digest, r, s, x, y), words(digest, r, _N - s, x, y),
            words(digest ^ 1, r, s, x, y), words(digest, r + 1, s, x, y),
            words(digest, r, s, x, _P - y), words(digest, s, r, x, y),
            words(digest, 0, s, x, y), words(digest, r, 0, x, y), words(digest, _N, s, x, y),
            words(digest, r, _N, x, y), words(digest, r, s, 0, 0), words(digest, r, s, x, y + 1),
            words(digest, r, s, _P, y), words(digest, r, s, x, 2**256 - 1),
        ]
    good = found[0]
    return [*found, b"", good[:-1], good + b"\0", good[:32], words(0, 1, 1, x, y)]


def test_p256verify(other: Ask) -> None:
    found = check_precompile(other, _P256, p256_inputs())
    assert [run_.output for run_ in found[:3]] == [words(1), words(1), b""]
    assert {run_.gas_used for run_ in found} == {6900}


def test_p256verify_where_the_sum_is_no_point(other: Ask) -> None:
    """u1 G + u2 Q is the point at infinity where Q is -u1/u2 G."""
    digest, r, s = 5, 7, 11
    factor = -digest * pow(r, -1, _N) % _N
    key = ECC.construct(curve="p256", d=factor)
    data = words(digest, r, s, int(key.pointQ.x), int(key.pointQ.y))
    assert check_precompile(other, _P256, [data])[0].output == b""


def test_p256verify_takes_coordinates_below_the_modulus_only(other: Ask) -> None:
    """A signature for a key without a known secret: its x is so small that x + p is a word, too."""
    x = 5
    y = pow(x**3 - 3 * x + _B, (_P + 1) // 4, _P)
    u1, u2 = 3, 4
    generator = ECC.construct(curve="p256", d=1).pointQ
    r = int((generator * u1 + ECC.EccPoint(x, y, curve="p256") * u2).x) % _N
    s = r * pow(u2, -1, _N) % _N
    inputs = [words(u1 * s % _N, r, s, x + shift, y) for shift in (0, _P)]
    assert [each.output for each in check_precompile(other, _P256, inputs)] == [words(1), b""]


def modexp_inputs() -> list[bytes]:
    random = Random("modexp")
    sizes = [0, 1, 2, 31, 32, 33, 64, 65, 255, 1023, 1024]
    found = [b"", b"\x01", words(0, 0, 1), words(1, 0, 0), words(1025, 0, 1), words(0, 1025, 1)]
    found += [words(0, 1, 1025), words(2**255, 1, 1), words(1, 2**255, 1), words(0, 2**64, 0)]
    found += [words(0, 0, 32) + b"\x07" * 32, words(1, 1, 1) + b"\x03\x02\x00"]
    for _ in range(60):
        base, modulus = random.choice(sizes), random.choice(sizes)
        exponent = random.choice(sizes[:8])
        body = random.randbytes(base + exponent + modulus)
        if random.random() < 0.3:
            body = body[:base] + b"\0" * exponent + body[base + exponent :]
        found.append(words(base, exponent, modulus) + body[: random.choice((len(body), 40))])
    return found


def test_modexp_of_all_sizes(other: Ask) -> None:
    found = check_precompile(other, _MODEXP, modexp_inputs())
    assert {run_.outcome for run_ in found} == {"success", "halt"}
    assert min(run_.gas_used for run_ in found) == 500


def test_modexp_keeps_its_price_before_osaka() -> None:
    assert ours(b"", fork="prague", to=_MODEXP, data=words(1, 1, 1)).gas_used == 200


def test_arithmetic_of_random_words(other: Ask) -> None:
    """The other EVM is no oracle for CLZ and precompiles only."""
    random = Random("arithmetic")
    rows = [r for r in instruction_set("osaka").by_code.values() if r.code < 0x20 and r.code]
    codes = []
    for row in rows:
        for _ in range(6):
            values = [random.getrandbits(random.choice((1, 8, 64, 255, 256))) for _ in row.inputs]
            pushes = b"".join(b"\x7f" + words(value) for value in reversed(values))
            codes.append(pushes + bytes([row.code]) + bytes.fromhex("5f5260205ff3"))
    answers = other([{"fork": "osaka", "code": code.hex(), "gas": _GAS} for code in codes])
    for code, there in zip(codes, answers, strict=True):
        assert same(ours(code), there), (code.hex(), there)


def guest(source: str, fork: str, **scenario: Any) -> Run:
    assembly = assemble_text(source, fork=fork)
    assert assembly.ok, [d.message for d in assembly.diagnostics]
    return run(Request(assembly.bytecode, Scenario(fork=fork, **scenario)))


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_a_guest_counts_leading_zeros(profile: str) -> None:
    result = guest("PUSH 0xff\nCLZ\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n", "osaka",
                   profile=profile)
    assert (result.outcome, result.output) == ("return", words(248))
    assert result.native is not None
    assert [step.opcode for step in result.steps][1] == 0x1E


@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_a_guest_verifies_a_signature(profile: str) -> None:
    data = p256_inputs()[0]
    store = "".join(f"PUSH 0x{data[i:i + 32].hex()}\nPUSH {i}\nMSTORE\n" for i in range(0, 160, 32))
    source = (
        f"{store}PUSH 32\nPUSH 0\nPUSH 160\nPUSH 0\nPUSH 0x100\nGAS\nSTATICCALL\nPOP\n"
        "PUSH 32\nPUSH 0\nRETURN\n"
    )
    assert guest(source, "osaka", profile=profile).output == words(1)
    # Before Osaka nobody is there, and memory stays as it is.
    assert guest(source, "prague", profile=profile).output == data[:32]


def test_a_transaction_of_osaka_has_its_limit(nvm) -> None:
    assert guest("GAS\n", "osaka").request.scenario.gas == 2**24
    assert guest("GAS\n", "prague").request.scenario.gas == 30_000_000
    done = nvm("run", "0x5a00", "--fork", "osaka", "--gas", "16777217")
    assert (done.returncode, done.stdout) == (2, "")
    assert "at most 16,777,216 gas on osaka (EIP-7825)" in done.stderr


def test_amsterdam_is_there_for_those_who_ask(nvm, monkeypatch) -> None:
    arguments = ("run", "-", "--fork", "amsterdam", "--json")
    source = "#@ block.slot_number 77\nSLOTNUM\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"
    refused = nvm(*arguments, stdin=source)
    assert refused.returncode == 2
    assert "amsterdam" in refused.stderr
    monkeypatch.setenv("NVM_LSP_EXPERIMENTAL", "1")
    for profile in ("table", "threaded"):
        done = nvm(*arguments, "--profile", profile, stdin=source)
        assert int(json.loads(done.stdout)["return_data"], 16) == 77, done.stderr
    done = nvm(*arguments, stdin=source.partition("\n")[2])
    assert int(json.loads(done.stdout)["return_data"], 16) == (1_717_281_407 - 1_606_824_023) // 12


# A chain of its own -------------------------------------------------------------------------------


def _count_memory(frame: Machine) -> None:
    offset, size = frame.pop(), frame.pop()
    frame.use_gas(2 * size)
    frame.push(frame.read(offset, size).count(0))


def _keep(frame: Machine) -> None:
    frame.store(frame.load(0) + 1, frame.pop())


class _Chain:
    """A plugin with a fork of three opcodes and a precompile, on Cancun."""

    forks = (
        ForkEntry(
            "pebble", "cancun", 2026, "A chain for tests.", gas={"MUL": 50, "ADD": 1},
            precompiles=(
                Precompile(b"\0" * 18 + b"\x02\0", "REVERSE", lambda data: 9,
                           lambda data: data[::-1] if data else None),
            ),
        ),
    )
    opcodes = (
        OpcodeEntry(
            Opcode(0x21, "ROTL", ("shift", "x"), ("y",), 4, "pebble", "Rotates to the left."),
            pure(lambda shift, x: (x << shift % 256 | x >> 256 - shift % 256)), on_kernel=True,
        ),
        OpcodeEntry(
            Opcode(0xB0, "KEEP", ("x",), (), 100, "pebble", "Keeps a word."), _keep, on_kernel=True,
        ),
        OpcodeEntry(
            Opcode(0xB1, "ZEROS", ("offset", "size"), ("count",), 5, "pebble", "Counts zeros."),
            _count_memory,
        ),
    )

    @hookimpl
    def nvm_lsp_forks(self) -> Any:
        return self.forks

    @hookimpl
    def nvm_lsp_opcodes(self) -> Any:
        return self.opcodes


@pytest.fixture
def pebble() -> Iterator[None]:
    """The chain, registered as a plugin is, for one test."""
    plugin = _Chain()
    assert "osaka" in FORKS
    plugins.manager().register(plugin, name="pebble-plugin")
    for fork in plugin.forks:
        chain.register_fork(fork)
    for entry in plugin.opcodes:
        chain.register_opcode(entry)
    machine._machine.cache_clear()
    yield
    plugins.manager().unregister(plugin)
    for entry in plugin.opcodes:
        chain.withdraw(opcode=entry.row.name)
    chain.withdraw(fork="pebble")


@pytest.mark.usefixtures("pebble")
def test_a_chain_has_the_rules_of_its_base_and_its_own() -> None:
    names = set(instruction_set("pebble").by_name)
    assert {"ROTL", "KEEP", "ZEROS", "MCOPY", "TLOAD"} <= names
    assert "CLZ" not in names
    assert not {"ROTL", "KEEP"} & set(instruction_set("osaka").by_name)
    assert instruction_set("pebble").by_code[0x02].gas == 50
    assert instruction_set("osaka").by_code[0x02].gas == 5
    assert list(FORKS).index("pebble") == list(FORKS).index("cancun") + 1
    assert "pebble" in host_forks()
    source = "%if fork >= fork.cancun && fork < fork.prague && fork == fork.pebble\nROTL\n%end\n"
    assert assemble_text(source, fork="pebble").bytecode == b"\x21"
    assert assemble_text(source, fork="prague").bytecode == b""
    assert "ROTL" in disassemble(b"\x21", fork="pebble")
    codes = [d.code for d in assemble_text("ROTL\n", fork="prague").diagnostics]
    assert codes == [d.code for d in assemble_text("CLZ\n", fork="prague").diagnostics] != []


@pytest.mark.usefixtures("pebble")
def test_a_chains_opcodes_run_natively() -> None:
    result = guest("PUSH 0xff00\nPUSH 0\nMSTORE\nPUSH 40\nPUSH 0\nZEROS\nSTOP\n", "pebble",
                   target="evm")
    assert result.stack == (39,)
    # Two words of memory, 2 gas a byte, and 5 for the opcode itself.
    assert result.gas_used == 3 + 2 + 3 + 3 + 3 + 2 + (5 + 80 + 3)
    assert guest("PUSH 3\nPUSH 2\nMUL\n", "pebble", target="evm").gas_used == 56
    assert guest("PUSH 3\nPUSH 2\nADD\n", "pebble", target="evm").gas_used == 7
    assert guest("PUSH 1\nKEEP\n", "pebble", target="evm").execution.storage[0].after == 1
    assert guest("PUSH 1\nROTL\n", "pebble", target="evm").error == "stack underflow"


@pytest.mark.usefixtures("pebble")
@pytest.mark.parametrize("profile", ["table", "threaded"])
def test_a_chains_opcodes_run_on_the_kernel_where_they_can(profile: str) -> None:
    assert build(profile=profile, fork="pebble").symbols["op.ROTL"]
    result = guest("PUSH 1\nPUSH 255\nROTL\nPUSH 5\nKEEP\nSTOP\n", "pebble", profile=profile)
    assert (result.outcome, result.stack) == ("stop", (2**255,))
    assert [(c.address, c.slot, c.after) for c in result.execution.storage] == [
        (result.request.scenario.wallet, 1, 5)
    ]
    refused = guest("PUSH 0\nPUSH 0\nZEROS\nSTOP\n", "pebble", profile=profile)
    assert (refused.outcome, refused.last and refused.last.opcode) == ("halt", 0xB1)
    row = opcode_by_code(0xB1)
    assert row is not None
    assert "a guest that uses it halts" in row.nvm


@pytest.mark.usefixtures("pebble")
def test_a_chains_precompile() -> None:
    assert ours(b"", fork="pebble", to=b"\0" * 18 + b"\x02\0", data=b"abc").output == b"cba"
    failed = ours(b"", fork="pebble", to=b"\0" * 18 + b"\x02\0")
    assert (failed.outcome, failed.error, failed.gas_used) == ("halt", "REVERSE failed", _GAS)


def _refused(entry: Any, hook: str) -> str:
    """What is said of an entry that a plugin gives."""
    before = len(plugins.failures())
    register = chain.register_fork if hook == "nvm_lsp_forks" else chain.register_opcode
    kind = ForkEntry if hook == "nvm_lsp_forks" else OpcodeEntry
    plugins._add("test", hook, kind, entry, register)  # type: ignore[arg-type]
    found = plugins.failures()[before:]
    del plugin_failures._failures[before:]
    plugin_failures._counts.clear()
    assert len(found) == 1
    return found[0].message


def test_what_clashes_is_refused() -> None:
    def row(code: int, name: str, since: str = "osaka") -> OpcodeEntry:
        return OpcodeEntry(Opcode(code, name, (), (), 1, since, "x"), lambda frame: None)

    assert "opcode 0x01 is ADD already" in _refused(row(0x01, "MINE"), "nvm_lsp_opcodes")
    assert "mnemonic ADD is defined" in _refused(row(0x21, "ADD"), "nvm_lsp_opcodes")
    assert "of fork 'none'" in _refused(row(0x21, "MINE", "none"), "nvm_lsp_opcodes")
    assert "no byte" in _refused(row(0x121, "MINE"), "nvm_lsp_opcodes")
    assert "no mnemonic" in _refused(row(0x21, "mine"), "nvm_lsp_opcodes")
    assert "7 is no OpcodeEntry" in _refused(7, "nvm_lsp_opcodes")
    fork = ForkEntry("osaka", "prague", 2026, "Twice.")
    assert "'osaka' is defined already" in _refused(fork, "nvm_lsp_forks")
    assert "which is not known" in _refused(ForkEntry("a", "b", 2026, "x"), "nvm_lsp_forks")
    bad_name = ForkEntry("My Fork", "prague", 2026, "x")
    assert "no name in lower case" in _refused(bad_name, "nvm_lsp_forks")
    priced = ForkEntry("mine", "prague", 2026, "x", gas={"NOPE": 1})
    assert "prices NOPE" in _refused(priced, "nvm_lsp_forks")
    assert set(FORKS) & {"a", "mine", "My Fork"} == set()


@pytest.mark.usefixtures("pebble")
def test_an_opcode_that_raises_is_said() -> None:
    row = Opcode(0xB2, "BROKEN", (), (), 1, "pebble", "x")
    chain.register_opcode(OpcodeEntry(row, lambda _: [][1]))
    try:
        with pytest.raises(ValueError, match="opcode BROKEN failed: IndexError"):
            guest("BROKEN\n", "pebble", target="evm")
    finally:
        chain.withdraw(opcode="BROKEN")
