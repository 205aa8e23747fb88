import { createHash } from 'node:crypto'
import type { TpmAttestation } from '@nomyo/attest'
import {
  computeQualifiedName,
  formatPcrSelection,
  parseAttest,
  parsePcrSelection,
  type PcrSelection,
  type QuoteInfo,
  type SignedSelection,
} from '@nomyo/attest/structures'

import {
  requireAuth,
  requireBytes,
  requireHandle,
  requireInput,
  requireMethod,
  requireOptions,
} from './arguments.js'
import { pcrRead, type PcrValue } from './commands/pcr-read.js'
import { quote } from './commands/quote.js'
import { TpmError } from './errors.js'
import type { AttestationKey } from './keys/attestation-key.js'
import { createEphemeralKey, type EphemeralKeyOptions } from './keys/ephemeral-key.js'
import { openPersistentKey, type PersistentKeyOptions } from './keys/persistent-key.js'
import type { Tpm } from './tpm.js'
import type { SendCommand } from './wire/command.js'
import { malformed } from './wire/response-reader.js'

/** Options of {@link createQuoter}. */
export interface QuoterOptions {
  /** TPM to quote with. The caller closes it. */
  readonly tpm: Tpm
  /** In the syntax of tpm2-tools: `sha256:0,7,10`, several banks as `sha256:0+sha384:0`. */
  readonly pcrs: string
  /** Default: a key that is made once and stored at {@link DEFAULT_AK_HANDLE}. */
  readonly ak?: PersistentKeyOptions | EphemeralKeyOptions
}

/** Quote in its wire format. */
export type Quote = Extract<TpmAttestation, { is_available: true }>

/** Quoter with fixed PCRs and a fixed key. Keeps nothing open. */
export interface Quoter {
  /** TPM Name of the attestation key, for verifiers to pin. */
  readonly akName: Uint8Array
  /** TPM2B_PUBLIC of the attestation key. */
  readonly akPublic: Uint8Array
  /**
   * Quotes the PCRs, and returns the quote with their values.
   *
   * @param extraData - nonce of the quote: 1 to 32 bytes, the limit of some TPMs
   * @throws TpmError `ERR_TPM_INPUT` for another length, `ERR_TPM_PCRS_CHANGING`, `ERR_TPM_AK` when the
   * key was replaced, and the errors of {@link Tpm.exclusive} and {@link SendCommand}
   */
  quote(extraData: Uint8Array): Promise<Quote>
}

/** Other programs extend PCRs, too; one that changes each time in so short a time will not settle. */
const MAX_ATTEMPTS = 5
const MAX_EXTRA_DATA_BYTES = 32

/**
 * Creates a quoter: opens or makes the attestation key and quotes once, so that a wrong setup fails now.
 *
 * @throws TpmError `ERR_TPM_PCRS` for PCRs the TPM lacks, `ERR_TPM_AK` when the handle holds another
 * key, and the errors of {@link Quoter.quote}
 * @example
 * ```ts
 * import { Tpm, createQuoter } from '@nomyo/tpm'
 *
 * declare const nonce: Uint8Array
 *
 * const tpm = new Tpm('device')
 * const quoter = await createQuoter({ tpm, pcrs: 'sha256:0,7' })
 * const quote = await quoter.quote(nonce)
 * await tpm.close()
 * ```
 */
export async function createQuoter(options: QuoterOptions): Promise<Quoter> {
  requireOptions(options)
  const { tpm, pcrs, ak = { mode: 'persistent' } } = options
  requireMethod(tpm, 'tpm', 'exclusive')
  requireOptions(ak, 'ak')
  requireInput(
    ['persistent', 'ephemeral'].includes(ak.mode),
    'ak.mode must be persistent or ephemeral',
  )
  requireAuth(ak.endorsementAuth, 'ak.endorsementAuth')
  if (ak.mode === 'persistent') {
    requireAuth(ak.ownerAuth, 'ak.ownerAuth')
    if (ak.handle !== undefined) requireHandle(ak.handle, 'ak.handle')
  }
  const selection = parseSelection(pcrs)
  const key = await tpm.exclusive(async (send) => {
    // Missing PCRs fail before a key is made.
    await pcrRead(send, selection)
    return ak.mode === 'persistent' ? openPersistentKey(send, ak) : createEphemeralKey(send, ak)
  })
  const expected = {
    selection,
    qualifiedSigner: await computeQualifiedName('endorsement', key.name),
  }
  const quoter: Quoter = {
    akName: key.name,
    akPublic: key.publicArea,
    quote: async (extraData) => {
      requireBytes(extraData, 'extraData')
      if (extraData.length < 1 || extraData.length > MAX_EXTRA_DATA_BYTES) {
        throw new TpmError('ERR_TPM_INPUT', 'extraData must be 1 to 32 bytes. Hash longer values.')
      }
      // A copy: the caller's buffer may change before the turn of this sequence.
      const request = { ...expected, extraData: extraData.slice() }
      return tpm.exclusive((send) => quoteWith(send, key, request))
    },
  }
  await quoter.quote(new Uint8Array(MAX_EXTRA_DATA_BYTES))
  return quoter
}

function parseSelection(pcrs: string): PcrSelection[] {
  try {
    return parsePcrSelection(pcrs)
  } catch (error) {
    throw new TpmError('ERR_TPM_PCRS', error instanceof Error ? error.message : String(error))
  }
}

/** Required content of a quote. */
interface QuoteRequest {
  readonly selection: readonly PcrSelection[]
  readonly qualifiedSigner: Uint8Array
  readonly extraData: Uint8Array
}

function quoteWith(send: SendCommand, key: AttestationKey, request: QuoteRequest): Promise<Quote> {
  return key.use(send, async (signer) => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const values = await pcrRead(send, request.selection)
      const signed = await quote(send, { signer, ...request })
      const { pcrDigest } = checkedQuote(signed.attest, request)
      if (Buffer.compare(pcrDigest, digestOf(values)) !== 0) continue
      return {
        is_available: true,
        pcr_banks: formatPcrSelection(request.selection),
        pcr_values: byBank(values),
        quote_b64: encode(signed.attest, 'base64'),
        signature_b64: encode(signed.signature, 'base64'),
        aik_pubkey_b64: encode(key.publicArea, 'base64'),
      }
    }
    throw new TpmError(
      'ERR_TPM_PCRS_CHANGING',
      'The PCRs changed each time while they were being quoted. Omit those that are extended ' +
        'all the time (10 with IMA), or try later.',
    )
  })
}

/** Parses a statement and checks that it is the requested quote. */
function checkedQuote(statement: Uint8Array, request: QuoteRequest): QuoteInfo {
  const { attested, extraData, qualifiedSigner } = parseStatement(statement)
  if (attested.type !== 'quote' || Buffer.compare(extraData, request.extraData) !== 0) {
    throw malformed('is not the requested quote')
  }
  if (Buffer.compare(qualifiedSigner, request.qualifiedSigner) !== 0) {
    throw new TpmError('ERR_TPM_AK', 'The attestation key was replaced. Create a new quoter.')
  }
  // A TPM silently omits PCRs it lacks.
  if (!sameSelection(attested.pcrSelect, request.selection)) {
    throw new TpmError('ERR_TPM_PCRS', 'The TPM does not quote all of these PCRs.')
  }
  return attested
}

function parseStatement(statement: Uint8Array): ReturnType<typeof parseAttest> {
  try {
    return parseAttest(statement)
  } catch {
    throw malformed('has a malformed statement')
  }
}

function sameSelection(
  signed: readonly SignedSelection[],
  requested: readonly PcrSelection[],
): boolean {
  return (
    signed.length === requested.length &&
    requested.every(({ hash, pcrs }, index) => {
      const other = signed[index]
      return other?.hash === hash && other.pcrs.join() === pcrs.join()
    })
  )
}

/** Computes the digest of a quote: over all values in order, with the hash of the key's scheme (Part 3, 18.4). */
function digestOf(values: readonly PcrValue[]): Uint8Array {
  const hash = createHash('sha256')
  for (const { value } of values) hash.update(value)
  return hash.digest()
}

function byBank(values: readonly PcrValue[]): Record<string, Record<string, string>> {
  const banks: Record<string, Record<string, string>> = {}
  for (const { hash, pcr, value } of values) (banks[hash] ??= {})[pcr] = encode(value, 'hex')
  return banks
}

function encode(bytes: Uint8Array, encoding: 'hex' | 'base64'): string {
  return Buffer.from(bytes).toString(encoding)
}
