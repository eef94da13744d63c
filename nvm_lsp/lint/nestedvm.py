"""Facts of the NestedVM that rules look at; tests hold them against the kernel's source."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXACT_OFFSETS", "GUARDED_SLOTS"]

#: Storage slots of the wallet that the verifier build keeps, and what they hold.
GUARDED_SLOTS: Mapping[int, str] = {
    0x58A8A9223AF434080477CD2D1A2667ABA3CE9F1301007611A4D07A0AF708E65A: "the verifier",
    0xDA8B995E2670B58D57272B2D0B50F8C7DE2A7E927B4B9B06444CD9E378D215FB: "the reentrancy lock",
    0x240BB37AA812AD108AAE08A4B01536038AAC1692FA2F4EABBC4A8A540D93E0BE: "the owner",
}
#: Memory offsets below this are exact; above, an access runs out of gas, as in the EVM.
EXACT_OFFSETS = 1 << 32
