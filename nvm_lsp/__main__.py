"""``python -m nvm_lsp``: the same as ``nvm-lsp``."""

import os
import sys

# The folder that the command is called in comes first in the path of `python -m`, and is often one
# that somebody else has filled. Nothing of ours, no plugin and no library is to come from there.
if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from nvm_lsp.cli.main import main

sys.exit(main())
