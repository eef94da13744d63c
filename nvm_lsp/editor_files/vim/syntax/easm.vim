" Colours of easm, EVM assembly. Written by `python -m nvm_lsp.generate`; do not edit.
if exists('b:current_syntax')
  finish
endif

syn iskeyword @,48-57,_,.
syn sync minlines=1

syn case ignore
syn keyword easmCall
  \ CREATE CALL CALLCODE DELEGATECALL CREATE2 STATICCALL
syn keyword easmControl
  \ STOP JUMP JUMPI PC GAS JUMPDEST RETURN REVERT INVALID SELFDESTRUCT SUICIDE
syn keyword easmOpcode
  \ ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND LT GT SLT SGT EQ ISZERO AND OR XOR
  \ NOT BYTE SHL SHR SAR CLZ KECCAK256 SHA3 ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD
  \ CALLDATASIZE CALLDATACOPY CODESIZE CODECOPY GASPRICE EXTCODESIZE EXTCODECOPY RETURNDATASIZE
  \ RETURNDATACOPY EXTCODEHASH BLOCKHASH COINBASE TIMESTAMP NUMBER PREVRANDAO DIFFICULTY RANDOM
  \ GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBHASH BLOBBASEFEE POP MLOAD MSTORE MSTORE8 SLOAD SSTORE
  \ MSIZE TLOAD TSTORE MCOPY LOG0 LOG1 LOG2 LOG3 LOG4
syn keyword easmPush
  \ PUSH PUSH0 PUSH1 PUSH2 PUSH3 PUSH4 PUSH5 PUSH6 PUSH7 PUSH8 PUSH9 PUSH10 PUSH11 PUSH12 PUSH13
  \ PUSH14 PUSH15 PUSH16 PUSH17 PUSH18 PUSH19 PUSH20 PUSH21 PUSH22 PUSH23 PUSH24 PUSH25 PUSH26
  \ PUSH27 PUSH28 PUSH29 PUSH30 PUSH31 PUSH32
syn keyword easmStack
  \ DUP1 DUP2 DUP3 DUP4 DUP5 DUP6 DUP7 DUP8 DUP9 DUP10 DUP11 DUP12 DUP13 DUP14 DUP15 DUP16 SWAP1
  \ SWAP2 SWAP3 SWAP4 SWAP5 SWAP6 SWAP7 SWAP8 SWAP9 SWAP10 SWAP11 SWAP12 SWAP13 SWAP14 SWAP15 SWAP16

syn case match
syn match easmName /\<\h[[:alnum:]_.]*/
syn match easmNumber /\<\d\w*/
syn match easmUnit /\%(\d\s\+\)\@<=\%(days\|ether\|gwei\|hours\|minutes\|seconds\|weeks\|wei\)\>/
syn match easmFunction /\<\%(address\|keccak256\|len\|selector\|topic\)\ze\s*(/
syn match easmModifier /\<\%(takes\|returns\)\ze\s*(\|\<\%(width\|fill\)\>/
syn match easmMacroUse /^\s*\zs%\h[[:alnum:]_.]*/
syn match easmDirective /%\%(align\|assert\|bytes\|def\|else\|end\|fork\|if\|incbin\|include\|macro\|org\|table\)\>/
syn match easmLabel /^\s*\zs\.\=\h[[:alnum:]_.]*\ze\s*:/
syn match easmAddress /@\h[[:alnum:]_.]*/
syn match easmConstant /\%(%def\s\+\)\@<=\h[[:alnum:]_.]*/
syn match easmMacro /\%(%macro\s\+\)\@<=\h[[:alnum:]_.]*/
syn match easmComment /\%(#\|;\|\/\/\).*/
syn match easmPicture /#\s*\[[^]]*\].*/
syn match easmSuppression /#\s*easm:\s*ignore.*/
syn match easmScenario /#@.*/
syn match easmProbe /#?.*/
syn match easmExpectation /#=.*/
syn match easmEscape /\\./ contained
syn region easmString start=/"/ skip=/\\./ end=/"/ end=/$/ oneline contains=easmEscape

hi def link easmControl Statement
hi def link easmPush Keyword
hi def link easmStack StorageClass
hi def link easmCall Special
hi def link easmOpcode Function
hi def link easmName Identifier
hi def link easmNumber Number
hi def link easmUnit Type
hi def link easmFunction Function
hi def link easmModifier StorageClass
hi def link easmMacroUse Macro
hi def link easmDirective PreProc
hi def link easmLabel Label
hi def link easmAddress Label
hi def link easmConstant Constant
hi def link easmMacro Macro
hi def link easmString String
hi def link easmEscape SpecialChar
hi def link easmComment Comment
hi def link easmPicture SpecialComment
hi def link easmSuppression PreProc
hi def link easmScenario PreProc
hi def link easmProbe Debug
hi def link easmExpectation Debug

let b:current_syntax = 'easm'
