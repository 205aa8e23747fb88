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
import { equal, toBase64, toHex } from './bytes.js'
import type { SendCommand } from './command.js'
import { pcrRead, type PcrValue } from './commands/pcr-read.js'
import { quote } from './commands/quote.js'
import { TpmError } from './errors.js'
import type { AttestationKey } from './keys/attestation-key.js'
import { createEphemeralKey, type EphemeralKeyOptions } from './keys/ephemeral-key.js'
import { openPersistentKey, type PersistentKeyOptions } from './keys/persistent-key.js'
import { malformed } from './response-reader.js'
import type { Tpm } from './tpm.js'

/** What to quote, and with which key. */
export interface QuoterOptions {
  /** Stays the caller's, who closes it. */
  readonly tpm: Tpm
  /** As tpm2-tools write it: `sha256:0,7,10`, several banks as `sha256:0+sha384:0`. */
  readonly pcrs: string
  /** Default: a key that is made once and kept at {@link DEFAULT_AK_HANDLE}. */
  readonly ak?: PersistentKeyOptions | EphemeralKeyOptions
}

/** A quote in the form it has on the wire. */
export type Quote = Extract<TpmAttestation, { is_available: true }>

/** Makes quotes over the same PCRs with the same key. Holds nothing open. */
export interface Quoter {
  /** TPM Name of the attestation key: what a verifier pins. */
  readonly akName: Uint8Array
  /** TPM2B_PUBLIC of the attestation key. */
  readonly akPublic: Uint8Array
  /**
   * Quotes, with the values that were quoted.
   *
   * @param extraData - what the quote is an answer to: 1 to 32 bytes, some TPMs take no more
   * @throws TpmError `ERR_TPM_INPUT` for another length, `ERR_TPM_PCRS_CHANGING`, `ERR_TPM_AK` when the
   * key is no longer the one of this quoter, and what {@link Tpm.exclusive} and {@link SendCommand} throw
   */
  quote(extraData: Uint8Array): Promise<Quote>
}

/** Other programs extend PCRs too; what changes each time in so short a while will not settle. */
const MAX_ATTEMPTS = 5
const MAX_EXTRA_DATA_BYTES = 32

/**
 * Opens or makes the attestation key and quotes once, so that whatever would fail later fails now.
 *
 * @throws TpmError `ERR_TPM_PCRS` for PCRs the TPM does not have, `ERR_TPM_AK` when the handle holds
 * another key, and as {@link Quoter.quote}
 */
export async function createQuoter(options: QuoterOptions): Promise<Quoter> {
  const { tpm, pcrs, ak = { mode: 'persistent' } } = options
  const selection = parseSelection(pcrs)
  const key = await tpm.exclusive(async (send) => {
    // Before a key is made for nothing.
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
      if (extraData.length < 1 || extraData.length > MAX_EXTRA_DATA_BYTES) {
        throw new TpmError('ERR_TPM_INPUT', 'extraData is 1 to 32 bytes. Hash what is longer.')
      }
      // The caller's buffer may change while this waits for its turn.
      const wanted = { ...expected, extraData: extraData.slice() }
      return tpm.exclusive((send) => quoteWith(send, key, wanted))
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

/** What a quote has to be about. */
interface Wanted {
  readonly selection: readonly PcrSelection[]
  readonly qualifiedSigner: Uint8Array
  readonly extraData: Uint8Array
}

function quoteWith(send: SendCommand, key: AttestationKey, wanted: Wanted): Promise<Quote> {
  return key.use(send, async (signer) => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const values = await pcrRead(send, wanted.selection)
      const signed = await quote(send, { signer, ...wanted })
      const { pcrDigest } = quotedIn(signed.attest, wanted)
      if (!equal(pcrDigest, digestOf(values))) continue
      return {
        is_available: true,
        pcr_banks: formatPcrSelection(wanted.selection),
        pcr_values: byBank(values),
        quote_b64: toBase64(signed.attest),
        signature_b64: toBase64(signed.signature),
        aik_pubkey_b64: toBase64(key.publicArea),
      }
    }
    throw new TpmError(
      'ERR_TPM_PCRS_CHANGING',
      'The PCRs changed each time while they were being quoted. Leave out those that are extended ' +
        'all the time (10 with IMA), or try later.',
    )
  })
}

/** The statement, once it is known to be about what was asked. */
function quotedIn(statement: Uint8Array, wanted: Wanted): QuoteInfo {
  const { attested, extraData, qualifiedSigner } = parseStatement(statement)
  if (attested.type !== 'quote' || !equal(extraData, wanted.extraData)) {
    throw malformed('is not the quote that was asked for')
  }
  if (!equal(qualifiedSigner, wanted.qualifiedSigner)) {
    throw new TpmError('ERR_TPM_AK', 'The attestation key was replaced. Make a new quoter.')
  }
  // A TPM silently leaves out the PCRs it does not have.
  if (!sameSelection(attested.pcrSelect, wanted.selection)) {
    throw new TpmError('ERR_TPM_PCRS', 'The TPM does not quote all of these PCRs.')
  }
  return attested
}

function parseStatement(statement: Uint8Array): ReturnType<typeof parseAttest> {
  try {
    return parseAttest(statement)
  } catch {
    throw malformed('has no well-formed statement')
  }
}

function sameSelection(
  signed: readonly SignedSelection[],
  wanted: readonly PcrSelection[],
): boolean {
  return (
    signed.length === wanted.length &&
    wanted.every(({ hash, pcrs }, index) => {
      const other = signed[index]
      return other?.hash === hash && other.pcrs.join() === pcrs.join()
    })
  )
}

/** The digest in a quote: over all values in a row, with the hash of the key's scheme (Part 3, 18.4). */
function digestOf(values: readonly PcrValue[]): Uint8Array {
  const hash = createHash('sha256')
  for (const { value } of values) hash.update(value)
  return hash.digest()
}

function byBank(values: readonly PcrValue[]): Record<string, Record<string, string>> {
  const banks: Record<string, Record<string, string>> = {}
  for (const { hash, pcr, value } of values) (banks[hash] ??= {})[pcr] = toHex(value)
  return banks
}
