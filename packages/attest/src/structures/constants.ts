/**
 * Numbers of the TPM 2.0 Library specification, Part 2 (Structures), revision 1.59, as far as quotes,
 * certifications and endorsement keys use them.
 */

/** TPM_ALG_ID (Part 2, 6.3). */
export const TPM_ALG = {
  RSA: 0x0001,
  SHA1: 0x0004,
  AES: 0x0006,
  SHA256: 0x000b,
  SHA384: 0x000c,
  SHA512: 0x000d,
  NULL: 0x0010,
  SM3_256: 0x0012,
  RSASSA: 0x0014,
  RSAES: 0x0015,
  RSAPSS: 0x0016,
  OAEP: 0x0017,
  ECDSA: 0x0018,
  ECDH: 0x0019,
  ECDAA: 0x001a,
  ECC: 0x0023,
  CFB: 0x0043,
} as const

/** TPM_ECC_CURVE (Part 2, 6.4). */
export const TPM_ECC_CURVE = { NIST_P256: 3, NIST_P384: 4, NIST_P521: 5 } as const

/** TPM_ST of attestation structures (Part 2, 6.9). */
export const TPM_ST = {
  ATTEST_NV: 0x8014,
  ATTEST_COMMAND_AUDIT: 0x8015,
  ATTEST_SESSION_AUDIT: 0x8016,
  ATTEST_CERTIFY: 0x8017,
  ATTEST_QUOTE: 0x8018,
  ATTEST_TIME: 0x8019,
  ATTEST_CREATION: 0x801a,
  ATTEST_NV_DIGEST: 0x801c,
} as const

/** TPM_GENERATED_VALUE: a restricted key signs it only in structures that the TPM itself generated. */
export const TPM_GENERATED_VALUE = 0xff544347

/** TPMA_OBJECT (Part 2, 8.3): the bits that a public area may set; every other bit is reserved. */
export const TPMA_OBJECT = {
  fixedTPM: 1 << 1,
  stClear: 1 << 2,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDA: 1 << 10,
  encryptedDuplication: 1 << 11,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const

/** TPM_RH of the hierarchies (Part 2, 7.4): the parent of a primary key. */
export const TPM_RH = {
  owner: 0x40000001,
  null: 0x40000007,
  endorsement: 0x4000000b,
  platform: 0x4000000c,
} as const

export type Hierarchy = keyof typeof TPM_RH

/** Hash algorithm of a PCR bank, Name or signature, by its name in tpm2-tools. */
export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** TPM id and digest length in bytes of a hash algorithm. */
export interface HashAlgorithm {
  readonly id: number
  readonly size: number
}

export const HASHES: Readonly<Record<HashName, HashAlgorithm>> = {
  sha1: { id: TPM_ALG.SHA1, size: 20 },
  sha256: { id: TPM_ALG.SHA256, size: 32 },
  sha384: { id: TPM_ALG.SHA384, size: 48 },
  sha512: { id: TPM_ALG.SHA512, size: 64 },
}

/** Looks up the name of a hash by its TPM id; returns undefined for an unknown one. */
export function hashName(id: number): HashName | undefined {
  return hashNames.find((name) => HASHES[name].id === id)
}

const hashNames = ['sha1', 'sha256', 'sha384', 'sha512'] as const
