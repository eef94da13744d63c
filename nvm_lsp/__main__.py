"""``python -m nvm_lsp``: the same as ``nvm-lsp``."""

import sys

from nvm_lsp.cli.main import main

sys.exit(main())
