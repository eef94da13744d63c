"""nvm-lsp: language server, linter and runner for easm guest programs of the NestedVM."""

__all__ = ["__version__"]

__version__ = "0.1.0"
