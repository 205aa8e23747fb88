import type { Bytes } from '../bytes/bytes.js'
import { toHex } from '../bytes/hex.js'
import { DerReader, TAG } from './der.js'
import { readExtensions, type Extensions } from './extensions.js'
import { comparableName } from './name.js'
import { parsePublicKey, type CertificateKey } from './public-key.js'
import { readTime } from './time.js'

/** Parsed X.509 certificate, not verified. */
export interface Certificate {
  /** The bytes its issuer signed, exactly as received. */
  readonly signed: Bytes
  /** The AlgorithmIdentifier of the signature, whole, in hex. */
  readonly algorithm: string
  readonly signature: Bytes
  /** In the form of `comparableName`. */
  readonly issuer: string
  readonly subject: string
  /** Milliseconds since 1970; both ends are inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo, in DER. */
  readonly spki: Bytes
  readonly key: CertificateKey
  readonly extensions: Extensions
}

const VERSION = 0xa0
const V3 = 'a003020102'
const EXTENSIONS = 0xa3
const MAX_SERIAL = 20

/**
 * Reads an X.509 v3 certificate (RFC 5280, section 4.1) to its last byte.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`, also for an unknown key type, version or critical
 * extension
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const document = new DerReader(der)
  const outer = document.enter(TAG.sequence)
  document.close()
  const signed = outer.whole(TAG.sequence)
  const algorithm = toHex(outer.whole(TAG.sequence))
  const signature = outer.bytes()
  outer.close()

  const tbs = new DerReader(signed).enter(TAG.sequence)
  if (!tbs.nextIs(VERSION) || toHex(tbs.whole(VERSION)) !== V3) tbs.fail('is not of version 3')
  if (tbs.unsigned().length > MAX_SERIAL) tbs.fail('has a serial number of more than 20 bytes')
  if (toHex(tbs.whole(TAG.sequence)) !== algorithm) {
    tbs.fail('names two algorithms for one signature')
  }
  const issuer = comparableName(tbs)
  const validity = tbs.enter(TAG.sequence)
  const [notBefore, notAfter] = [readTime(validity), readTime(validity)]
  validity.close()
  const subject = comparableName(tbs)
  const spki = tbs.whole(TAG.sequence)
  const wrapper = tbs.enter(EXTENSIONS)
  tbs.close()
  const list = wrapper.enter(TAG.sequence)
  wrapper.close()
  return {
    signed,
    algorithm,
    signature,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    key: parsePublicKey(spki),
    extensions: readExtensions(list),
  }
}
