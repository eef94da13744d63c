;;; easm-words.el --- the words of easm  -*- lexical-binding: t -*-

;; Written by `python -m nvm_lsp.generate`; do not edit.

;;; Code:

(defconst easm-call-mnemonics
  '("CREATE" "CALL" "CALLCODE" "DELEGATECALL" "CREATE2" "STATICCALL")
  "Mnemonics that are coloured alike.")

(defconst easm-control-mnemonics
  '("STOP" "JUMP" "JUMPI" "PC" "GAS" "JUMPDEST" "RETURN" "REVERT" "INVALID" "SELFDESTRUCT"
    "SUICIDE")
  "Mnemonics that are coloured alike.")

(defconst easm-opcode-mnemonics
  '("ADD" "MUL" "SUB" "DIV" "SDIV" "MOD" "SMOD" "ADDMOD" "MULMOD" "EXP" "SIGNEXTEND" "LT" "GT"
    "SLT" "SGT" "EQ" "ISZERO" "AND" "OR" "XOR" "NOT" "BYTE" "SHL" "SHR" "SAR" "CLZ" "KECCAK256"
    "SHA3" "ADDRESS" "BALANCE" "ORIGIN" "CALLER" "CALLVALUE" "CALLDATALOAD" "CALLDATASIZE"
    "CALLDATACOPY" "CODESIZE" "CODECOPY" "GASPRICE" "EXTCODESIZE" "EXTCODECOPY" "RETURNDATASIZE"
    "RETURNDATACOPY" "EXTCODEHASH" "BLOCKHASH" "COINBASE" "TIMESTAMP" "NUMBER" "PREVRANDAO"
    "DIFFICULTY" "RANDOM" "GASLIMIT" "CHAINID" "SELFBALANCE" "BASEFEE" "BLOBHASH" "BLOBBASEFEE"
    "POP" "MLOAD" "MSTORE" "MSTORE8" "SLOAD" "SSTORE" "MSIZE" "TLOAD" "TSTORE" "MCOPY" "LOG0"
    "LOG1" "LOG2" "LOG3" "LOG4")
  "Mnemonics that are coloured alike.")

(defconst easm-push-mnemonics
  '("PUSH" "PUSH0" "PUSH1" "PUSH2" "PUSH3" "PUSH4" "PUSH5" "PUSH6" "PUSH7" "PUSH8" "PUSH9"
    "PUSH10" "PUSH11" "PUSH12" "PUSH13" "PUSH14" "PUSH15" "PUSH16" "PUSH17" "PUSH18" "PUSH19"
    "PUSH20" "PUSH21" "PUSH22" "PUSH23" "PUSH24" "PUSH25" "PUSH26" "PUSH27" "PUSH28" "PUSH29"
    "PUSH30" "PUSH31" "PUSH32")
  "Mnemonics that are coloured alike.")

(defconst easm-stack-mnemonics
  '("DUP1" "DUP2" "DUP3" "DUP4" "DUP5" "DUP6" "DUP7" "DUP8" "DUP9" "DUP10" "DUP11" "DUP12"
    "DUP13" "DUP14" "DUP15" "DUP16" "SWAP1" "SWAP2" "SWAP3" "SWAP4" "SWAP5" "SWAP6" "SWAP7"
    "SWAP8" "SWAP9" "SWAP10" "SWAP11" "SWAP12" "SWAP13" "SWAP14" "SWAP15" "SWAP16")
  "Mnemonics that are coloured alike.")

(defconst easm-directives
  '("%align" "%assert" "%bytes" "%def" "%else" "%end" "%fork" "%if" "%incbin" "%include"
    "%macro" "%org" "%table")
  "Directives.")

(defconst easm-units
  '("days" "ether" "gwei" "hours" "minutes" "seconds" "weeks" "wei")
  "Units after numbers.")

(defconst easm-functions
  '("address" "keccak256" "len" "selector" "topic")
  "Functions of expressions.")

(provide 'easm-words)
;;; easm-words.el ends here
