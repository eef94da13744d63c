"""py-evm raises the recursion limit when it is imported, which Hypothesis minds during a test."""

from nvm_lsp.runner.machine import load

load()
