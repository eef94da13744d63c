" Editing easm, in Vim and Neovim.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal commentstring=#\ %s comments=:#,:;,://
setlocal expandtab shiftwidth=4 softtabstop=4
setlocal iskeyword=@,48-57,_,.
setlocal suffixesadd=.easm include=^\\s*%include
let b:undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< '
  \ . 'iskeyword< suffixesadd< include<'

if has('nvim')
  command! -buffer -bang NvmRun lua require('nvm_lsp').run('<bang>' == '!' and 'evm' or nil)
  let b:undo_ftplugin .= ' | delcommand -buffer NvmRun'
endif
