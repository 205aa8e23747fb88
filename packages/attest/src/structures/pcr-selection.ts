import { requireList } from '../arguments.js'
import { TpmParseError } from '../attest-error.js'
import { HASHES, type HashName } from './constants.js'

/** The PCRs of one bank. */
export interface PcrSelection {
  readonly hash: HashName
  /** Indices 0 to 23, rising. */
  readonly pcrs: readonly number[]
}

const INDEX = '(?:0|[1-9]\\d?)'
const BANK = `[a-z0-9]+:(?:all|${INDEX}(?:,${INDEX})*)`
const SELECTION = new RegExp(`^${BANK}(?:\\+${BANK})*$`)

/** PC Client TPMs have 24 PCRs. */
export const MAX_PCR = 23
const ALL_PCRS = Array.from({ length: MAX_PCR + 1 }, (_, pcr) => pcr)

/**
 * Parses a selection in the syntax of tpm2-tools: `sha256:0,7,10+sha1:0`, or `sha256:all`.
 *
 * @returns the banks in the order given, with rising indices
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` for another form, an unknown bank, an index above 23,
 * or a bank or index given twice
 */
export function parsePcrSelection(text: string): PcrSelection[] {
  const refuse = (why: string): never => {
    throw new TpmParseError('PCR selection', 0, why)
  }
  if (typeof text !== 'string' || !SELECTION.test(text)) {
    return refuse('is not of the form sha256:0,7,10+sha384:0')
  }
  const selection = text.split('+').map((part) => {
    const [bank = '', list = ''] = part.split(':')
    const hash = isHashName(bank) ? bank : refuse(`names the unknown bank "${bank}"`)
    const pcrs = list === 'all' ? ALL_PCRS : list.split(',').map(Number)
    if (new Set(pcrs).size !== pcrs.length) refuse(`lists a PCR of ${bank} twice`)
    if (pcrs.some((pcr) => pcr > MAX_PCR)) refuse(`goes beyond PCR ${MAX_PCR}`)
    return { hash, pcrs: [...pcrs].sort((a, b) => a - b) }
  })
  if (new Set(selection.map(({ hash }) => hash)).size !== selection.length) {
    refuse('lists a bank twice')
  }
  return selection
}

/**
 * Formats a selection; the inverse of {@link parsePcrSelection}.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for anything but a selection
 */
export function formatPcrSelection(selection: readonly PcrSelection[]): string {
  requireList(selection, 'the selection', ({ pcrs }) => Array.isArray(pcrs))
  return selection.map(({ hash, pcrs }) => `${hash}:${pcrs.join(',')}`).join('+')
}

export function isHashName(text: string): text is HashName {
  return Object.hasOwn(HASHES, text)
}
