-- What `vim.lsp.enable('nvm_lsp')` starts, in Neovim 0.11 and later.
return {
  cmd = { 'nvm-lsp', 'serve' },
  filetypes = { 'easm' },
  root_markers = { 'nvm-lsp.toml', 'pyproject.toml', '.git' },
}
