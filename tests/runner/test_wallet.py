"""A real wallet contract that delegatecalls the kernel, as it would on a chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvm_lsp.assembler import assemble_file, assemble_text
from nvm_lsp.kernel.image import PROFILES, build
from nvm_lsp.runner.machine import Account, Message, World, execute
from nvm_lsp.runner.scenario import KERNEL_ADDRESS

ROOT = Path(__file__).parents[2]
WALLET = bytes.fromhex("aa" * 20)
OWNER = bytes.fromhex("bb" * 20)
FRIEND = bytes.fromhex("cc" * 20)
OWNER_SLOT = 0x240BB37AA812AD108AAE08A4B01536038AAC1692FA2F4EABBC4A8A540D93E0BE


def call(script: str, profile: str, sender: bytes = OWNER, **options):
    """Sends a script to the wallet."""
    code = assemble_file(str(ROOT / "examples/contracts/wallet.easm")).bytecode
    world = World(
        {
            WALLET: Account(balance=10**18, code=code,
                            storage={OWNER_SLOT: int.from_bytes(OWNER, "big")}),
            KERNEL_ADDRESS: Account(code=build(profile=profile).runtime, nonce=1),
            sender: Account(balance=10**18),
        }
    )
    data = assemble_text(script).bytecode
    return execute(world, Message(WALLET, code, data, sender=sender, **options))


RETURN_TOP = "PUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nRETURN\n"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("instruction", "word"),
    [("ADDRESS", int.from_bytes(WALLET, "big")), ("CALLER", int.from_bytes(OWNER, "big")),
     ("SELFBALANCE", 10**18 + 7), ("CALLVALUE", 7), ("CALLDATASIZE", 0)],
)
def test_a_script_acts_as_the_wallet(profile, instruction, word):
    done = call(f"{instruction}\n{RETURN_TOP}", profile, value=7)
    assert (done.outcome, int.from_bytes(done.output, "big")) == ("success", word)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_script_writes_the_wallets_storage_and_pays(profile):
    script = f"""
        PUSH 5
        PUSH 1
        SSTORE
        PUSH 0
        PUSH 0
        PUSH 0
        PUSH 0
        PUSH 1000
        PUSH20 0x{FRIEND.hex()}
        GAS
        CALL
        {RETURN_TOP}
    """
    done = call(script, profile)
    assert int.from_bytes(done.output, "big") == 1
    assert [(c.address, c.slot, c.after) for c in done.storage] == [(WALLET, 1, 5)]
    assert (FRIEND, 0, 1000) in done.balances


@pytest.mark.parametrize("profile", PROFILES)
def test_a_scripts_revert_is_the_wallets(profile):
    done = call("PUSH 9\nPUSH 0\nMSTORE\nPUSH 32\nPUSH 0\nREVERT\n", profile)
    assert (done.outcome, int.from_bytes(done.output, "big")) == ("revert", 9)


def test_ether_is_welcome_and_strangers_scripts_are_not():
    assert call("", "table", sender=FRIEND, value=5).outcome == "success"
    assert call("STOP", "table", sender=FRIEND).outcome == "revert"
