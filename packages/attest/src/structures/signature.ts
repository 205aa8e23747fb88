import type { Bytes } from '../bytes/bytes.js'
import { TPM_ALG, hashName, type HashName } from './constants.js'
import { Reader } from './reader.js'

interface SignatureHash {
  readonly hashId: number
  /** Undefined for an algorithm other than SHA-1 and SHA-2. */
  readonly hash: HashName | undefined
}

/** TPMT_SIGNATURE (Part 2, 11.3.4) in a scheme of quotes. */
export type TpmtSignature = SignatureHash &
  (
    | { readonly scheme: 'RSASSA' | 'RSAPSS'; readonly signature: Bytes }
    | { readonly scheme: 'ECDSA'; readonly r: Bytes; readonly s: Bytes }
  )

/** RSA-4096. */
const MAX_RSA_SIGNATURE = 512
/** P-521. */
const MAX_ECC_PARAMETER = 66

/**
 * Parses a TPMT_SIGNATURE made with RSASSA, RSAPSS or ECDSA.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`, also for any other algorithm
 */
export function parseSignature(bytes: Uint8Array): TpmtSignature {
  const reader = new Reader(bytes)
  const scheme = signatureScheme(reader)
  const hashId = reader.u16('hash')
  const hash = { hashId, hash: hashName(hashId) }
  const signature: TpmtSignature =
    scheme === 'ECDSA'
      ? {
          ...hash,
          scheme,
          r: reader.sized(MAX_ECC_PARAMETER, 'signatureR'),
          s: reader.sized(MAX_ECC_PARAMETER, 'signatureS'),
        }
      : { ...hash, scheme, signature: reader.sized(MAX_RSA_SIGNATURE, 'sig') }
  reader.end('signature')
  return signature
}

function signatureScheme(reader: Reader): TpmtSignature['scheme'] {
  const id = reader.u16('sigAlg')
  switch (id) {
    case TPM_ALG.RSASSA:
      return 'RSASSA'
    case TPM_ALG.RSAPSS:
      return 'RSAPSS'
    case TPM_ALG.ECDSA:
      return 'ECDSA'
    default:
      return reader.fail('sigAlg', `is 0x${id.toString(16)}, known are RSASSA, RSAPSS and ECDSA`)
  }
}
