" The language server in ALE, for Vim and Neovim.
call ale#Set('easm_nvm_lsp_executable', 'nvm-lsp')
call ale#Set('easm_nvm_lsp_init_options', {})

function! s:root(buffer) abort
  for l:name in ['nvm-lsp.toml', 'pyproject.toml']
    let l:file = ale#path#FindNearestFile(a:buffer, l:name)
    if !empty(l:file)
      return fnamemodify(l:file, ':h')
    endif
  endfor
  let l:git = ale#path#FindNearestDirectory(a:buffer, '.git')
  return empty(l:git) ? expand('#' . a:buffer . ':p:h') : fnamemodify(l:git, ':h:h')
endfunction

call ale#linter#Define('easm', {
\   'name': 'nvm-lsp',
\   'lsp': 'stdio',
\   'executable': {b -> ale#Var(b, 'easm_nvm_lsp_executable')},
\   'command': '%e serve',
\   'initialization_options': {b -> ale#Var(b, 'easm_nvm_lsp_init_options')},
\   'project_root': function('s:root'),
\})
