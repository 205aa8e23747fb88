import { RSA_ENCRYPTION, TAG } from '../bytes/der.js'
import { derUnsignedInteger, derValue, rsaAlgorithm } from '../bytes/der-values.js'
import { type Bytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import { decryptPkcs8, pkcs8Algorithm } from './encrypted-pkcs8.js'
import { soleBlock, type PemBlock } from './pem.js'
import { refuseAlgorithm, refusePrivateKey } from './refusals.js'

/** The text of a file with a certificate chain beside the key. */
const MAX_CHARACTERS = 64 * 1024
const READABLE = ['PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'RSA PRIVATE KEY']

/** Facts about the reading of a private key. */
export interface PrivateKeyText {
  readonly password?: string | undefined
  readonly onWarning?: ((message: string) => void) | undefined
  /** Name of the file, for the commands of refusals. */
  readonly file: string
}

/**
 * Reads the one RSA key of a text, as {@link readPkcs8Text} does.
 *
 * @returns DER PKCS#8; the caller zeroes it
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_LIMIT`, `ERR_KEY_PASSWORD`
 */
export async function readPrivateKeyText(text: string, facts: PrivateKeyText): Promise<Bytes> {
  const pkcs8 = await readPkcs8Text(text, facts)
  const algorithm = pkcs8Algorithm(pkcs8)
  if (algorithm === undefined || algorithm === RSA_ENCRYPTION) return pkcs8
  zeroize(pkcs8)
  return refuseAlgorithm(facts.file)
}

/**
 * Reads the one private key of a text as tools write it: text, attributes, certificates and public keys
 * may stand around its block, which is PKCS#8 (plain or PBES2) or PKCS#1.
 *
 * @returns DER PKCS#8; the caller zeroes it
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_LIMIT`, `ERR_KEY_PASSWORD`
 */
export async function readPkcs8Text(text: string, facts: PrivateKeyText): Promise<Bytes> {
  if (text.length > MAX_CHARACTERS) {
    throw new SecurityError('ERR_KEY_LIMIT', 'The file of the private key is too long.')
  }
  return pkcs8Of(findPrivateKey(text) ?? refusePrivateKey(text, facts.file), facts)
}

async function pkcs8Of(
  { label, der }: PemBlock,
  { password, onWarning }: PrivateKeyText,
): Promise<Bytes> {
  if (label === 'ENCRYPTED PRIVATE KEY') return decryptPkcs8(der, password, onWarning)
  // A caller that gives a password relies on a protection that the file does not have.
  if (password !== undefined) {
    throw new SecurityError(
      'ERR_KEY_PASSWORD',
      'The private key is not encrypted: omit the password, or encrypt the key (openssl pkcs8 -topk8). ' +
        'importLegacyPrivateKey reads keys of nomyo-js 0.1.',
    )
  }
  // Some .NET programs write PKCS#8 under the label of PKCS#1.
  if (label !== 'RSA PRIVATE KEY' || pkcs8Algorithm(der) !== undefined) return der
  const pkcs8 = derValue(
    TAG.sequence,
    derUnsignedInteger(Uint8Array.of(0)),
    rsaAlgorithm(),
    derValue(TAG.octetString, der),
  )
  zeroize(der)
  return pkcs8
}

/** Returns the only block with a private key; undefined where none can be read, or several could. */
function findPrivateKey(text: string): PemBlock | undefined {
  const blocks: string[][] = []
  let inside: string[] | undefined
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    if (line.startsWith('-----BEGIN ')) blocks.push((inside = []))
    inside?.push(line.trimEnd())
    if (line.startsWith('-----END ')) inside = undefined
  }
  const [block, second] = blocks.filter(([begin = '']) => begin.endsWith('PRIVATE KEY-----'))
  if (second !== undefined) {
    throw new SecurityError(
      'ERR_KEY_INVALID',
      'The file holds several private keys: remove all of them but one.',
    )
  }
  const found = block && soleBlock(block.join('\n'), Infinity)
  return found && READABLE.includes(found.label) ? found : undefined
}
