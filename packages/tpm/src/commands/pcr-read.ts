import { HASHES, type HashName, type PcrSelection } from '@nomyo/attest/structures'
import { requireFunction, requireSelection } from '../arguments.js'
import { TpmError } from '../errors.js'
import type { SendCommand } from '../wire/command.js'
import { malformed } from '../wire/response-reader.js'
import { Writer } from '../wire/writer.js'
import { readPcrSelection, writePcrSelection } from './pcr-selection.js'

/** PCR with its value. */
export interface PcrValue {
  readonly hash: HashName
  readonly pcr: number
  readonly value: Uint8Array
}

/**
 * Sends TPM2_PCR_Read (Part 3, 22.4) until all PCRs are read: a TPM returns at most eight values at once.
 *
 * @returns a value for every PCR of the selection, in the order of its banks and rising within a bank
 * @throws TpmError `ERR_TPM_PCRS` when the TPM lacks one of them
 */
export async function pcrRead(
  send: SendCommand,
  selection: readonly PcrSelection[],
): Promise<PcrValue[]> {
  requireFunction(send, 'send')
  requireSelection(selection)
  const found = new Map<string, PcrValue>()
  for (;;) {
    const missing = selection
      .map(({ hash, pcrs }) => ({ hash, pcrs: pcrs.filter((pcr) => !found.has(key(hash, pcr))) }))
      .filter(({ pcrs }) => pcrs.length > 0)
    if (missing.length === 0) break
    const values = await readSome(send, missing)
    if (values.length === 0) {
      const { hash, pcrs } = missing[0] ?? { hash: '', pcrs: [] }
      throw new TpmError(
        'ERR_TPM_PCRS',
        `The TPM has no ${hash} bank with PCR ${pcrs.join(', ')}. "tpm2_pcrread" lists those it has.`,
      )
    }
    for (const value of values) found.set(key(value.hash, value.pcr), value)
  }
  return selection.flatMap(({ hash, pcrs }) =>
    pcrs.flatMap((pcr) => found.get(key(hash, pcr)) ?? []),
  )
}

async function readSome(
  send: SendCommand,
  selection: readonly PcrSelection[],
): Promise<PcrValue[]> {
  const writer = new Writer()
  writePcrSelection(writer, selection)
  const reader = await send({
    name: 'TPM2_PCR_Read',
    code: 0x17e,
    parameters: writer.toBytes(),
  })
  reader.u32() // pcrUpdateCounter: the quote shows whether a PCR changed
  const chosen = readPcrSelection(reader).flatMap(({ hash, pcrs }) =>
    pcrs.map((pcr) => ({ hash, pcr })),
  )
  if (reader.u32() !== chosen.length) throw malformed('does not have one value for each PCR')
  const values = chosen.map((one) => ({ ...one, value: reader.sized() }))
  reader.end()
  const fits = values.every(
    ({ hash, pcr, value }) =>
      value.length === HASHES[hash].size &&
      selection.some((requested) => requested.hash === hash && requested.pcrs.includes(pcr)),
  )
  if (!fits) throw malformed('has a value that was not requested, or of a wrong length')
  return values
}

function key(hash: HashName, pcr: number): string {
  return `${hash}:${pcr}`
}
