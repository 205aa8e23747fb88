import {
  createHash,
  createPrivateKey,
  createSign,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto'
import { keyPem } from './index.js'

/** `tpm_attestation` as gateways write it. */
export interface Evidence {
  is_available: true
  pcr_banks: string
  pcr_values: Record<string, Record<string, string>>
  quote_b64: string
  signature_b64: string
  aik_pubkey_b64: string
}

/**
 * Makes quotes in software, field by field, for cases a real TPM refuses to make. It shares no code
 * with the parsers it is used against.
 */
export interface QuoteFields {
  magic: number
  type: number
  qualifiedSigner: Buffer
  extraData: Buffer
  clock: bigint
  resetCount: number
  restartCount: number
  safe: number
  firmware: bigint
  select: { hashId: number; mask: Buffer }[]
  /** Default: the digest of the values given. */
  pcrDigest?: Buffer
  tail: Buffer
}

export interface ForgedKey {
  publicArea: Buffer
  privateKey: KeyObject
  kind: 'RSA' | 'ECC'
  hash: string
}

export const AK_ATTRIBUTES = 0x00050072
const HASH_IDS: Record<string, number> = { sha1: 4, sha256: 0xb, sha384: 0xc, sha512: 0xd }

export const u8 = (value: number) => Buffer.of(value)
export const u16 = (value: number) => Buffer.of(value >> 8, value & 0xff)
export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
export const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
export const sized = (bytes: Buffer) => Buffer.concat([u16(bytes.length), bytes])

/** Makes a software key with the public area of an attestation key: a new ECC key, or the RSA key of the vectors. */
export function forgeKey(
  options: {
    kind?: 'RSA' | 'ECC'
    attributes?: number
    hash?: string
    curve?: 256 | 384 | 521
  } = {},
): ForgedKey {
  const { kind = 'ECC', attributes = AK_ATTRIBUTES, hash = 'sha256', curve = 256 } = options
  const head = (type: number) =>
    Buffer.concat([u16(type), u16(0xb), u32(attributes), u16(0), u16(0x10)])
  if (kind === 'RSA') {
    const privateKey = createPrivateKey(keyPem('keys/rsa2048.private.pem'))
    const n = Buffer.from(privateKey.export({ format: 'jwk' }).n ?? '', 'base64url')
    const scheme = Buffer.concat([u16(0x14), u16(HASH_IDS[hash] ?? 0)])
    const publicArea = Buffer.concat([head(1), scheme, u16(2048), u32(0), sized(n)])
    return { publicArea: sized(publicArea), privateKey, kind, hash }
  }
  const namedCurve = { 256: 'P-256', 384: 'P-384', 521: 'P-521' }[curve]
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const [bigX, bigY] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  const scheme = Buffer.concat([u16(0x18), u16(HASH_IDS[hash] ?? 0)])
  const curveId = { 256: 3, 384: 4, 521: 5 }[curve]
  const publicArea = Buffer.concat([
    head(0x23),
    scheme,
    u16(curveId),
    u16(0x10),
    sized(bigX),
    sized(bigY),
  ])
  return { publicArea: sized(publicArea), privateKey, kind, hash }
}

export const PCR_VALUES: { sha256: Record<string, string> } = {
  sha256: { '0': '11'.repeat(32), '7': '22'.repeat(32), '10': '33'.repeat(32) },
}

/** A quote over {@link PCR_VALUES}, or others, signed by a software key: every check but trust passes. */
export function forgeQuote(
  extraData: Uint8Array,
  changes: Partial<QuoteFields> & {
    key?: ForgedKey
    values?: Record<string, Record<string, string>>
    banks?: string
    signed?: (attest: Buffer) => Buffer
  } = {},
): Evidence {
  const { key = forgeKey(), values = PCR_VALUES, banks, signed, ...fields } = changes
  const select = fields.select ?? [{ hashId: 0xb, mask: Buffer.of(0x81, 0x04, 0) }]
  const order = select.flatMap(({ hashId, mask }) => {
    const bank = Object.entries(HASH_IDS).find(([, id]) => id === hashId)?.[0] ?? ''
    return [...Array(mask.length * 8).keys()]
      .filter((pcr) => ((mask[pcr >> 3] ?? 0) >> (pcr & 7)) & 1)
      .map((pcr) =>
        Buffer.from((values as Evidence['pcr_values'])[bank]?.[String(pcr)] ?? '', 'hex'),
      )
  })
  const digest = createHash(key.hash).update(Buffer.concat(order)).digest()
  const attest = Buffer.concat([
    u32(fields.magic ?? 0xff544347),
    u16(fields.type ?? 0x8018),
    sized(fields.qualifiedSigner ?? Buffer.concat([u16(0xb), Buffer.alloc(32, 5)])),
    sized(fields.extraData ?? Buffer.from(extraData)),
    u64(fields.clock ?? 1000n),
    u32(fields.resetCount ?? 1),
    u32(fields.restartCount ?? 0),
    u8(fields.safe ?? 1),
    u64(fields.firmware ?? 0x2019102300163636n),
    u32(select.length),
    ...select.flatMap(({ hashId, mask }) => [u16(hashId), u8(mask.length), mask]),
    sized(fields.pcrDigest ?? digest),
    fields.tail ?? Buffer.alloc(0),
  ])
  return {
    is_available: true,
    pcr_banks: banks ?? 'sha256:0,7,10',
    pcr_values: values,
    quote_b64: attest.toString('base64'),
    signature_b64: signBytes(key, signed?.(attest) ?? attest).toString('base64'),
    aik_pubkey_b64: key.publicArea.toString('base64'),
  }
}

/** A TPMT_SIGNATURE. */
export function signBytes(key: ForgedKey, bytes: Buffer): Buffer {
  const hashId = u16(HASH_IDS[key.hash] ?? 0)
  if (key.kind === 'RSA') {
    const signature = createSign(key.hash).update(bytes).sign(key.privateKey)
    return Buffer.concat([u16(0x14), hashId, sized(signature)])
  }
  const raw = sign(key.hash, bytes, { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  const half = raw.length / 2
  return Buffer.concat([u16(0x18), hashId, sized(raw.subarray(0, half)), sized(raw.subarray(half))])
}

/** The Name of a key in hex, computed with Node alone. */
export function forgedName({ publicArea }: ForgedKey): string {
  return `000b${createHash('sha256').update(publicArea.subarray(2)).digest('hex')}`
}
