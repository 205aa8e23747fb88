import type { Bytes } from '../bytes/bytes.js'
import { TPMA_OBJECT, TPM_ALG } from './constants.js'
import { Reader } from './reader.js'

/** TPMT_SYM_DEF_OBJECT (Part 2, 11.1.7) other than NULL. */
export interface SymmetricDefinition {
  readonly algorithm: number
  readonly keyBits: number
  readonly mode: number
}

/** TPMT_RSA_SCHEME or TPMT_ECC_SCHEME other than NULL. */
export interface AsymmetricScheme {
  readonly id: number
  /** The hash of the scheme; absent where it has none (RSAES). */
  readonly hashId?: number
}

interface PublicArea {
  /** TPMI_ALG_HASH of the Name. */
  readonly nameAlg: number
  /** TPMA_OBJECT; all 32 bits, as received. */
  readonly objectAttributes: number
  readonly authPolicy: Bytes
  readonly symmetric: SymmetricDefinition | undefined
  readonly scheme: AsymmetricScheme | undefined
  /** The TPMT_PUBLIC exactly as received: the Name is the hash of it. */
  readonly area: Bytes
}

export interface RsaPublic extends PublicArea {
  readonly type: 'RSA'
  readonly keyBits: number
  /** Never 0: the TPM's shorthand for 65537 is resolved. */
  readonly exponent: number
  readonly modulus: Bytes
}

export interface EccPublic extends PublicArea {
  readonly type: 'ECC'
  readonly curveId: number
  readonly x: Bytes
  readonly y: Bytes
}

/** TPMT_PUBLIC (Part 2, 12.2.4) of an asymmetric key. */
export type TpmtPublic = RsaPublic | EccPublic

const MAX_POLICY = 64
const MAX_MODULUS = 512
const MAX_COORDINATE = 128

/**
 * Parses a TPM2B_PUBLIC that holds an RSA or ECC key. Does not check the quality of the key.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`
 */
export function parsePublic(bytes: Uint8Array): TpmtPublic {
  const outer = new Reader(bytes)
  const area = outer.sized(0xffff, 'publicArea')
  outer.end('publicArea')

  const reader = new Reader(area)
  const type = reader.u16('type')
  if (type !== TPM_ALG.RSA && type !== TPM_ALG.ECC) {
    return reader.fail('type', `is 0x${type.toString(16)}, known are RSA and ECC`)
  }
  const common = {
    nameAlg: reader.u16('nameAlg'),
    objectAttributes: reader.u32('objectAttributes'),
    authPolicy: reader.sized(MAX_POLICY, 'authPolicy'),
    symmetric: readSymmetric(reader),
    scheme: readScheme(reader),
    area,
  }
  const key: TpmtPublic =
    type === TPM_ALG.RSA
      ? {
          type: 'RSA',
          ...common,
          keyBits: reader.u16('keyBits'),
          exponent: reader.u32('exponent') || 65_537,
          modulus: reader.sized(MAX_MODULUS, 'unique'),
        }
      : {
          type: 'ECC',
          ...common,
          curveId: readCurve(reader),
          x: reader.sized(MAX_COORDINATE, 'unique.x'),
          y: reader.sized(MAX_COORDINATE, 'unique.y'),
        }
  reader.end('unique')
  return key
}

/**
 * Returns which attributes an object lacks, of those of one that was made in its TPM and cannot leave
 * it, and of `more`.
 */
export function missingAttributes(
  { objectAttributes }: TpmtPublic,
  ...more: readonly (keyof typeof TPMA_OBJECT)[]
): string[] {
  const required = [...more, 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin'] as const
  return required.filter((name) => (objectAttributes & TPMA_OBJECT[name]) === 0)
}

/** Block ciphers of TPMI_ALG_SYM_OBJECT: TDES, AES, SM4, Camellia. */
const BLOCK_CIPHERS = [0x0003, TPM_ALG.AES, 0x0013, 0x0026]

function readSymmetric(reader: Reader): SymmetricDefinition | undefined {
  const algorithm = reader.u16('symmetric')
  if (algorithm === TPM_ALG.NULL) return undefined
  if (!BLOCK_CIPHERS.includes(algorithm)) {
    return reader.fail('symmetric', `is 0x${algorithm.toString(16)}, not a block cipher`)
  }
  return {
    algorithm,
    keyBits: reader.u16('symmetric.keyBits'),
    mode: reader.u16('symmetric.mode'),
  }
}

/** Schemes of an asymmetric key, with the fields that follow their id. */
const SCHEMES: Readonly<Record<number, 'nothing' | 'hash' | 'hash and count'>> = {
  [TPM_ALG.RSASSA]: 'hash',
  [TPM_ALG.RSAES]: 'nothing',
  [TPM_ALG.RSAPSS]: 'hash',
  [TPM_ALG.OAEP]: 'hash',
  [TPM_ALG.ECDSA]: 'hash',
  [TPM_ALG.ECDH]: 'hash',
  [TPM_ALG.ECDAA]: 'hash and count',
  0x001b: 'hash', // SM2
  0x001c: 'hash', // ECSCHNORR
  0x001d: 'hash', // ECMQV
}

function readScheme(reader: Reader): AsymmetricScheme | undefined {
  const id = reader.u16('scheme')
  if (id === TPM_ALG.NULL) return undefined
  const details = SCHEMES[id]
  if (details === undefined) {
    return reader.fail('scheme', `is 0x${id.toString(16)}, not a scheme of RSA or ECC`)
  }
  if (details === 'nothing') return { id }
  const hashId = reader.u16('scheme.hashAlg')
  if (details === 'hash and count') reader.u16('scheme.count')
  return { id, hashId }
}

/** Key derivations of TPMI_ALG_KDF: MGF1, KDF1_SP800_56A, KDF2, KDF1_SP800_108. */
const KDFS = [0x0007, 0x0020, 0x0021, 0x0022]

function readCurve(reader: Reader): number {
  const curveId = reader.u16('curveID')
  const kdf = reader.u16('kdf')
  if (KDFS.includes(kdf)) reader.u16('kdf.hashAlg')
  else if (kdf !== TPM_ALG.NULL) reader.fail('kdf', `is 0x${kdf.toString(16)}, not a KDF`)
  return curveId
}
