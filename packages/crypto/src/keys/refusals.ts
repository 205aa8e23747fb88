import { SecurityError, type SecurityErrorCode } from '../errors.js'

/** A text that holds no usable key: how to recognize it, its code, its name, and the command that helps. */
type Refusal = readonly [RegExp, SecurityErrorCode, string, string?]

const INVALID = 'ERR_KEY_INVALID'
const TYPE = 'ERR_KEY_TYPE'

/** Writes PKCS#8 that this package reads, from any private key that OpenSSL reads. */
export const ENCRYPT_COMMAND = 'openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000'
const ENCRYPT_FILE = `${ENCRYPT_COMMAND} -in FILE -out converted.pem`
const GENERATE = 'openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out converted.pem'

const JWK = /^\s*\{[^]*"kty"/
const UTF16 = /-\0-\0/
/** DER read as text: a SEQUENCE, then a length in bytes that are no UTF-8. */
const DER = /^0[\x80-\x84\uFFFD]/
/** A PFX (RFC 7292) begins with version 3. */
const PKCS12 = /^0[\x80-\x84\uFFFD][^]{0,3}\cB\cA\cC/

const fromJwk = (kind: 'Private' | 'Public', type: string): string =>
  `node -e "fs.writeFileSync('converted.pem',crypto.create${kind}Key({format:'jwk',key:` +
  `JSON.parse(fs.readFileSync('FILE'))}).export({format:'pem',type:'${type}'}),{mode:384})"`
const FROM_UTF16 = 'iconv -f UTF-16 -t UTF-8 FILE > converted.pem'

const PRIVATE: readonly Refusal[] = [
  [
    /BEGIN OPENSSH PRIVATE/,
    TYPE,
    'a private key in the format of OpenSSH',
    'cp FILE converted.pem && ssh-keygen -p -m PKCS8 -f converted.pem',
  ],
  [/\nDEK-Info:/, INVALID, 'encrypted in the old format of OpenSSL', ENCRYPT_FILE],
  [/BEGIN (?:EC|DSA) PRIVATE/, TYPE, 'not an RSA key for encryption', GENERATE],
  [/BEGIN (?:RSA )?PRIVATE|BEGIN ENCRYPTED/, INVALID, 'a damaged private key'],
  [/BEGIN CERTIFICATE/, TYPE, 'a certificate, without its private key'],
  [/BEGIN PUBLIC KEY/, TYPE, 'a public key, where a private one is needed'],
  [JWK, INVALID, 'a JSON Web Key', fromJwk('Private', 'pkcs8')],
  [UTF16, INVALID, 'UTF-16 text', FROM_UTF16],
  [
    PKCS12,
    INVALID,
    'a PKCS#12 container (PFX)',
    'openssl pkcs12 -in FILE -nocerts -out converted.pem',
  ],
  [DER, INVALID, 'binary (DER)', `${ENCRYPT_COMMAND} -inform DER -in FILE -out converted.pem`],
]

const PUBLIC: readonly Refusal[] = [
  [
    /BEGIN OPENSSH PRIVATE|^ssh-/,
    TYPE,
    'a key in the format of OpenSSH',
    'ssh-keygen -e -m PKCS8 -f FILE > converted.pem',
  ],
  [
    /BEGIN [A-Z ]{0,20}PRIVATE KEY/,
    TYPE,
    'a private key, where a public one is needed',
    'openssl pkey -in FILE -pubout -out converted.pem',
  ],
  [/BEGIN CERTIFICATE R/, TYPE, 'a request', 'openssl req -in FILE -noout -pubkey > converted.pem'],
  [/BEGIN CERT/, TYPE, 'a certificate', 'openssl x509 -in FILE -noout -pubkey > converted.pem'],
  [
    /BEGIN RSA PUBLIC/,
    INVALID,
    'a public key in PKCS#1',
    'openssl rsa -RSAPublicKey_in -in FILE -pubout -out converted.pem',
  ],
  [
    /BEGIN PUBLIC KEY/,
    INVALID,
    'more than one PEM block, or a damaged one',
    'openssl pkey -pubin -in FILE -out converted.pem',
  ],
  [JWK, INVALID, 'a JSON Web Key', fromJwk('Public', 'spki')],
  [UTF16, INVALID, 'UTF-16 text', FROM_UTF16],
  [
    PKCS12,
    INVALID,
    'a PKCS#12 container (PFX)',
    'openssl pkcs12 -in FILE -nokeys -clcerts | openssl x509 -noout -pubkey > converted.pem',
  ],
  [DER, INVALID, 'binary (DER)', 'openssl pkey -pubin -inform DER -in FILE -out converted.pem'],
]

/** Refuses a text without a usable private key. @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE` */
export const refusePrivateKey = (text: string, file: string): never =>
  refuse(text, PRIVATE, 'PRIVATE KEY or ENCRYPTED PRIVATE KEY', file)

/** Refuses PKCS#8 of another algorithm. @throws SecurityError `ERR_KEY_TYPE` */
export const refuseAlgorithm = (file: string): never => refusePrivateKey('BEGIN EC PRIVATE', file)

/** Refuses a text that is no public key. @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE` */
export const refusePublicKey = (text: string): never => refuse(text, PUBLIC, 'PUBLIC KEY', 'FILE')

function refuse(text: string, table: readonly Refusal[], wanted: string, file: string): never {
  const [, code = INVALID, what = 'no key', command] =
    table.find(([pattern]) => pattern.test(text)) ?? []
  throw new SecurityError(
    code,
    `Expected the PEM label ${wanted}; this is ${what}.` +
      (command === undefined ? '' : ` Make one: ${command.replaceAll('FILE', () => file)}`),
  )
}
