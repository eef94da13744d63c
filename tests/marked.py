"""Expectations written inside a program; `nvm_lsp.testing` tells their forms, as it is public."""

from nvm_lsp.testing import Case, Finding, applied, cases, finding, written

__all__ = ["Case", "Finding", "applied", "cases", "finding", "written"]
