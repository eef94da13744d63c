"""py-evm and py_ecc raise the recursion limit when they are imported, which Hypothesis minds during
a test.
"""

import py_ecc  # noqa: F401

from nvm_lsp.runner.machine import load

load()
