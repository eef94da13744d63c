"""``nvm-lsp serve``: the language server."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import sys
from pathlib import Path

from nvm_lsp import plugins

#: What editors are given beside the server: colours, modes, commands.
FILES = Path(__file__).parents[1] / "editor_files"

NAME = "serve"
HELP = "start the language server"

EDITORS = """\
editors:
  VS Code     install the extension nvm-lsp; it finds or installs this program by itself.

  Neovim 0.11 and later, in init.lua:
      vim.filetype.add({ extension = { easm = 'easm' } })
      vim.lsp.config('nvm_lsp', {
        cmd = { 'nvm-lsp', 'serve' },
        filetypes = { 'easm' },
        root_markers = { 'nvm-lsp.toml', 'pyproject.toml', '.git' },
      })
      vim.lsp.enable('nvm_lsp')

  Neovim 0.7 to 0.10, in init.lua:
      vim.api.nvim_create_autocmd({ 'BufRead', 'BufNewFile' }, {
        pattern = '*.easm', command = 'setfiletype easm',
      })
      vim.api.nvim_create_autocmd('FileType', {
        pattern = 'easm',
        callback = function()
          local client = vim.lsp.start_client({
            name = 'nvm-lsp',
            cmd = { 'nvm-lsp', 'serve' },
            root_dir = vim.fn.getcwd(),
          })
          vim.lsp.buf_attach_client(0, client)
        end,
      })

  Emacs (eglot: a package until 28, a part of 29 and later), in init.el:
      (define-derived-mode easm-mode prog-mode "easm"
        (setq-local comment-start "# "))
      (add-to-list 'auto-mode-alist '("\\\\.easm\\\\'" . easm-mode))
      (with-eval-after-load 'eglot
        (add-to-list 'eglot-server-programs '(easm-mode "nvm-lsp" "serve")))
      (add-hook 'easm-mode-hook 'eglot-ensure)

  Helix, in languages.toml:
      [language-server.nvm-lsp]
      command = "nvm-lsp"
      args = ["serve"]

      [[language]]
      name = "easm"
      scope = "source.easm"
      file-types = ["easm"]
      comment-token = "#"
      indent = { tab-width = 4, unit = "    " }
      roots = ["nvm-lsp.toml", "pyproject.toml"]
      language-servers = ["nvm-lsp"]

  Sublime Text, with the package LSP, in LSP.sublime-settings:
      { "clients": { "nvm-lsp": {
          "enabled": true,
          "command": ["nvm-lsp", "serve"],
          "selector": "source.easm" } } }
    and the files in FILES/sublime go to Packages/User.

  coc.nvim, in coc-settings.json:
      { "languageserver": { "nvm-lsp": {
          "command": "nvm-lsp",
          "args": ["serve"],
          "filetypes": ["easm"],
          "rootPatterns": ["nvm-lsp.toml", "pyproject.toml", ".git"] } } }

  Kakoune, with kakoune-lsp, in kakrc:
      hook global BufCreate .*[.]easm %{ set-option buffer filetype easm }
      hook global BufSetOption filetype=easm %{
        set-option buffer lsp_servers %{
          [nvm-lsp]
          command = "nvm-lsp"
          args = ["serve"]
          root_globs = ["nvm-lsp.toml", "pyproject.toml", ".git"]
        }
      }
      hook global WinSetOption filetype=easm lsp-enable-window

With colours, and commands that run the program:

  Neovim 0.11 and later, in init.lua; it is all that is needed:
      vim.opt.runtimepath:append('FILES/vim')
      vim.lsp.enable('nvm_lsp')

  Neovim 0.7 to 0.10, before the lines above:
      vim.opt.runtimepath:append('FILES/vim')

  Vim, with ALE, in vimrc:
      set runtimepath+=FILES/vim
      filetype plugin on
      syntax on

  Emacs, in init.el, instead of the lines above; lsp-mode is set up, too:
      (add-to-list 'load-path "FILES/emacs")
      (require 'easm-mode)
      (add-hook 'easm-mode-hook 'eglot-ensure)

docs/editors.md has settings, trust and commands.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EDITORS.replace("FILES", FILES.as_posix())
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--stdio", action="store_true", help="speak on standard input and output (the default)"
    )
    way.add_argument(
        "--tcp", metavar="HOST:PORT", type=_address,
        help="listen for connections; port 0 takes a free one, which is said on stderr",
    )
    way.add_argument(
        "--ws", metavar="HOST:PORT", type=_address, help="listen for WebSocket connections"
    )
    parser.add_argument(
        "--allow-remote", action="store_true",
        help="let --tcp and --ws listen on an address that other machines reach; whoever connects "
        "can read files as you and run guests",
    )
    parser.add_argument(
        "--allow-origin", metavar="ORIGIN", action="append", default=[],
        help="let pages of this origin connect by WebSocket, such as http://localhost:3000; may be "
        "given several times",
    )
    parser.add_argument(
        "--log-level", choices=("error", "warning", "info", "debug"), default="warning",
        help="what is logged on stderr (default: warning)",
    )


def run(arguments: argparse.Namespace) -> int:
    # stdout is the protocol, so the log goes to stderr.
    logging.basicConfig(stream=sys.stderr, level=arguments.log_level.upper())
    if arguments.log_level != "debug":
        # It logs each refused or cancelled request with a traceback; what fails, we log ourselves.
        logging.getLogger("pygls").setLevel(logging.CRITICAL)
    address = arguments.tcp or arguments.ws
    if address is not None and not arguments.allow_remote and not _is_loopback(address[0]):
        print(
            f"nvm-lsp: {address[0]} can be reached from other machines, and whoever connects can "
            "read files as you and run guests; --allow-remote permits that",
            file=sys.stderr,
        )
        return 2
    if plugins.discovered():
        # What two plugins claim is said now, not with the first finding.
        from nvm_lsp.lint.linter import owned_rules  # noqa: PLC0415 -- only where there are some

        owned_rules()
    # Slow to import, and only this command needs them.
    from nvm_lsp.server.server import create_server  # noqa: PLC0415
    from nvm_lsp.server.transport import serve_stdio, serve_tcp, serve_websocket  # noqa: PLC0415

    if arguments.tcp is not None:
        return serve_tcp(create_server, arguments.tcp)
    if arguments.ws is not None:
        try:
            import websockets  # noqa: F401, PLC0415
        except ImportError:
            print(
                "nvm-lsp: --ws needs the package websockets: pip install 'nvm-lsp[ws]'",
                file=sys.stderr,
            )
            return 2
        return serve_websocket(create_server, arguments.ws, arguments.allow_origin)
    return serve_stdio(create_server)


def _address(text: str) -> tuple[str, int]:
    """An argparse type: ``HOST:PORT``, ``[IPV6]:PORT`` or ``PORT`` on this machine.

    Raises:
        argparse.ArgumentTypeError: it is none of them.
    """
    host, colon, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or (colon and not host):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:4600")
    return host.strip("[]") or "127.0.0.1", int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
