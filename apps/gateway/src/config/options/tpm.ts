import { parsePcrSelection } from '@nomyo/attest'
import { createTpmTransport } from '@nomyo/tpm'
import type { TpmConfig } from '../config.js'
import { UsageError } from './usage-error.js'
import { readSwitch, type Read } from './values.js'

export function readTpm(read: Read, readGiven: Read): TpmConfig | undefined {
  const address = read('tpm') ?? ''
  const required = readSwitch('tpm-required', readGiven('tpm-required'))
  if (address === 'none') {
    // Whoever gives these believes that there is attestation.
    const idle = (['pcrs', 'tpm-ak'] as const).find((name) => readGiven(name) !== undefined)
    if (idle !== undefined || required) {
      throw new UsageError(`--${idle ?? 'tpm-required'} needs a TPM: give --tpm ADDRESS.`)
    }
    return undefined
  }
  const pcrs = read('pcrs') ?? ''
  if (!isReadable(() => createTpmTransport(address))) {
    throw new UsageError(
      '--tpm must be device, a path below /dev/, unix:///path/of/socket, tcp://127.0.0.1:2321 or none.',
    )
  }
  if (!isReadable(() => parsePcrSelection(pcrs))) {
    throw new UsageError('--pcrs must be a list such as sha256:0,7,10 or sha256:0+sha384:0.')
  }
  return { address, pcrs, ak: readAk(read('tpm-ak') ?? ''), required }
}

/** Asks those who will read it in the end. They connect to nothing yet. */
function isReadable(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

function readAk(text: string): TpmConfig['ak'] {
  if (text === 'persistent') return { mode: 'persistent' }
  if (text === 'ephemeral') return { mode: 'ephemeral' }
  // The handles the owner of a TPM may give to keys (Part 2, 7.5).
  if (/^0x81[0-7][\da-f]{5}$/i.test(text)) return { mode: 'persistent', handle: Number(text) }
  throw new UsageError(
    '--tpm-ak must be persistent, a handle from 0x81000000 to 0x817fffff, or ephemeral.',
  )
}
