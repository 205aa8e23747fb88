import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto'
import { keyPem, tpmVector } from '@nomyo-internal/testing/vectors'
import { parsePublic, type TpmtPublic } from '../../src/structures/index.js'
import type { Endorsement } from '../../src/trust/anchor.js'

/**
 * Makes certificates, sound and unsound ones, with a DER writer of its own: it shares no code with
 * the reader it is used against.
 */

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

export const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents)
export const hex = (text: string) => Buffer.from(text, 'hex')
export const integer = (text: string) => der(2, hex(text))
export const bits = (content: Uint8Array, unused = 0) => der(3, Buffer.of(unused), content)
export const octets = (content: Uint8Array) => der(4, content)
export const oid = (text: string) => der(6, hex(text))
export const time = (text: string) => der(text.length === 13 ? 0x17 : 0x18, Buffer.from(text))

const attribute = (type: string, value: string) =>
  der(0x31, sequence(oid(type), der(0x0c, Buffer.from(value))))

/** A Name with one commonName. */
export const commonName = (value: string) => sequence(attribute('550403', value))
export const EMPTY = sequence()

export const extension = (type: string, value: Uint8Array, critical = false) =>
  sequence(oid(type), ...(critical ? [hex('0101ff')] : []), octets(value))

const TRUE = hex('0101ff')
export const basicConstraints = (isCa: boolean, pathLength?: number) =>
  extension(
    '551d13',
    sequence(
      ...(isCa ? [TRUE] : []),
      ...(pathLength === undefined ? [] : [der(2, Buffer.of(pathLength))]),
    ),
    true,
  )
export const keyUsage = (byte: number, unused = 0) =>
  extension('551d0f', bits(Buffer.of(byte), unused), true)
export const purposes = (...types: string[]) =>
  extension('551d25', sequence(...types.map((type) => oid(type))))
export const AIK_PURPOSE = '6781050803'
export const EK_PURPOSE = '6781050801'
export const ANY_PURPOSE = '551d2500'

/** subjectAltName with a directoryName of these attributes of a TPM: 1 manufacturer, 2 model, 3 version. */
export const tpmName = (attributes: readonly number[] = [1, 2, 3], critical = true) =>
  extension(
    '551d11',
    sequence(
      der(0xa4, sequence(...attributes.map((one) => attribute(`678105020${one}`, 'id:00001014')))),
    ),
    critical,
  )

/** Signature algorithms by what `node:crypto` calls the hash. */
const ALGORITHMS: Record<string, Record<string, string>> = {
  rsa: {
    sha1: '300d06092a864886f70d0101050500',
    sha256: '300d06092a864886f70d01010b0500',
    sha384: '300d06092a864886f70d01010c0500',
    sha512: '300d06092a864886f70d01010d0500',
  },
  ec: {
    sha1: '300906072a8648ce3d0401',
    sha256: '300a06082a8648ce3d040302',
    sha384: '300a06082a8648ce3d040303',
    sha512: '300a06082a8648ce3d040304',
  },
}

export interface Signing {
  readonly privateKey: KeyObject
  readonly spki: Buffer
}

export function ecKey(namedCurve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): Signing {
  return signingKey(generateKeyPairSync('ec', { namedCurve }).privateKey)
}

/** The RSA-2048 key of the vectors. */
export const RSA_2048 = storedKey('rsa2048')
export const RSA_1024 = storedKey('rsa1024')

function storedKey(name: string): Signing {
  return signingKey(createPrivateKey(keyPem(`keys/${name}.private.pem`)))
}

/** A new RSA key, for sizes and exponents that the vectors lack. */
export function rsaKey(modulusLength: number, publicExponent = 65_537): Signing {
  return signingKey(generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey)
}

function signingKey(privateKey: KeyObject): Signing {
  return {
    privateKey,
    spki: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
  }
}

/** The fields of a certificate; each one can be made wrong. */
export interface Fields {
  readonly version: Uint8Array
  readonly serial: Uint8Array
  readonly issuer: Uint8Array
  readonly validity: Uint8Array
  readonly subject: Uint8Array
  readonly spki: Uint8Array
  /** Fields after the key, before the extensions. */
  readonly uniqueIds: Uint8Array
  readonly extensions: readonly Uint8Array[]
  /** Instead of the list of extensions in its wrapper. */
  readonly extensionField: Uint8Array
  readonly hash: string
  readonly innerAlgorithm: Uint8Array
  readonly signer: Signing
  /** Instead of a signature by the signer. */
  readonly signature: (tbs: Uint8Array) => Uint8Array
  readonly signatureField: (signature: Uint8Array) => Uint8Array
}

export const VALIDITY = sequence(time('260101000000Z'), time('270101000000Z'))
/** Within {@link VALIDITY} and that of the vectors. */
export const NOW = new Date('2026-11-21T00:00:00Z')

export function makeCertificate(
  fields: Partial<Fields> & Pick<Fields, 'issuer' | 'subject' | 'spki' | 'signer'>,
): Uint8Array {
  const { signer, hash = 'sha256', extensions = [] } = fields
  const kind = signer.privateKey.asymmetricKeyType ?? ''
  const algorithm = hex(ALGORITHMS[kind]?.[hash] ?? '')
  const tbs = sequence(
    fields.version ?? hex('a003020102'),
    fields.serial ?? integer('01'),
    fields.innerAlgorithm ?? algorithm,
    fields.issuer,
    fields.validity ?? VALIDITY,
    fields.subject,
    fields.spki,
    fields.uniqueIds ?? Buffer.of(),
    fields.extensionField ?? der(0xa3, sequence(...extensions)),
  )
  const signature = fields.signature?.(tbs) ?? sign(hash, tbs, signer.privateKey)
  return new Uint8Array(
    sequence(tbs, algorithm, fields.signatureField?.(signature) ?? bits(signature)),
  )
}

/** A CA with a certificate. */
export interface Authority extends Signing {
  readonly name: Uint8Array
  readonly certificate: Uint8Array
}

const CA_EXTENSIONS = [basicConstraints(true), keyUsage(0x06, 1)]

/** A CA below `parent`, or one that signed itself. */
export function authority(
  name: string,
  parent?: Authority,
  { key = ecKey(), ...fields }: Partial<Fields> & { key?: Signing } = {},
): Authority {
  const subject = commonName(name)
  const certificate = makeCertificate({
    issuer: parent?.name ?? subject,
    subject,
    spki: key.spki,
    signer: parent ?? key,
    extensions: CA_EXTENSIONS,
    ...fields,
  })
  return { ...key, name: subject, certificate }
}

interface AkVector {
  tpm_attestation: { aik_pubkey_b64: string }
}

const akOf = (name: string): TpmtPublic =>
  parsePublic(Buffer.from(tpmVector<AkVector>(name).tpm_attestation.aik_pubkey_b64, 'base64'))

/** Attestation keys as subjects of certificates; their private halves are not needed. */
export const EC_AK = akOf('akcert-good-p256')
export const RSA_AK = akOf('akcert-good-rsa')

const P256 = '301306072a8648ce3d020106082a8648ce3d030107'

/** SubjectPublicKeyInfo of a key of a TPM. */
export function spkiOf(key: TpmtPublic): Buffer {
  return key.type === 'RSA'
    ? sequence(
        hex('300d06092a864886f70d0101010500'),
        bits(sequence(der(2, Buffer.of(0), key.modulus), integer('010001'))),
      )
    : sequence(hex(P256), bits(Buffer.concat([Buffer.of(4), key.x, key.y])))
}

export const LEAF_EXTENSIONS = [
  basicConstraints(false),
  keyUsage(0x80, 7),
  purposes(AIK_PURPOSE),
  tpmName(),
]

/** A certificate of {@link EC_AK} with an empty subject, as TPM CAs make them. */
export function akLeaf(issuer: Authority, fields: Partial<Fields> = {}): Uint8Array {
  return makeCertificate({
    issuer: issuer.name,
    subject: EMPTY,
    spki: spkiOf(EC_AK),
    signer: issuer,
    extensions: LEAF_EXTENSIONS,
    ...fields,
  })
}

/** Status and code of each check that did not pass, and the trust. */
export function outcome({ trust, certificate }: Endorsement): Record<string, string> {
  const failed = Object.entries(certificate ?? {}).filter(([, { status }]) => status !== 'pass')
  return { trust, ...Object.fromEntries(failed.map(([id, { code }]) => [id, code])) }
}

export const ENDORSED = { trust: 'endorsed' }
