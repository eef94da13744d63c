// Runs messages on @ethereumjs/evm, for comparison: each line of standard input is a JSON object
// with `fork`, `code` or `to`, `data` and `gas` (bytes as hex without 0x), each line of standard
// output the answer with `gas`, `output` and `error`.
import { createInterface } from 'node:readline'
import { Common, Mainnet } from '@ethereumjs/common'
import { createEVM } from '@ethereumjs/evm'
import { bytesToHex, createAddressFromString, hexToBytes } from '@ethereumjs/util'

const machines = new Map()

async function machine(fork) {
  if (!machines.has(fork)) {
    const common = new Common({ chain: Mainnet, hardfork: fork })
    machines.set(fork, await createEVM({ common }))
  }
  return machines.get(fork)
}

for await (const line of createInterface({ input: process.stdin })) {
  const { fork, code, to, data, gas } = JSON.parse(line)
  const evm = await machine(fork)
  const message = { data: hexToBytes(`0x${data ?? ''}`), gasLimit: BigInt(gas) }
  const result =
    to === undefined
      ? await evm.runCode({ ...message, code: hexToBytes(`0x${code}`) })
      : (await evm.runCall({ ...message, to: createAddressFromString(`0x${to}`) })).execResult
  const answer = {
    gas: Number(result.executionGasUsed),
    output: bytesToHex(result.returnValue).slice(2),
    error: result.exceptionError?.error ?? null,
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
