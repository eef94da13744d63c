"""The easm grammar, shipped as the package ``nvm_lsp.grammar``."""
