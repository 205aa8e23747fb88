import { hkdfSync } from 'node:crypto'
import { createRequestKey, type Kem, type RequestKey } from '@nomyo/crypto/wire-2'

/** The secret of the keys of a period, from which every gateway that has it derives the same keys. */
export interface GenerationSecret {
  /** One-byte id of the post-quantum key. */
  readonly id: number
  /** 32 random bytes; zeroed once keys are derived. */
  readonly secret: Uint8Array
  readonly createdAtMs: number
}

/** Algorithms of request keys. */
export interface Kems {
  readonly hybrid: Kem
  /** For clients of other projects. Default: none. */
  readonly classic?: Kem | undefined
}

/** The keys of a period. */
export interface Generation {
  readonly period: number
  readonly id: number
  readonly keys: readonly RequestKey[]
  readonly createdAtMs: number
  /** Discovery, by a clock that never jumps. */
  readonly discoveredAtMs: number
}

export const SECRET_BYTES = 32
export const KEY_IDS = 256
/** Far from the ids of all keys that live at a time. */
const CLASSIC_ID_OFFSET = KEY_IDS / 2

/** Returns the ids of the keys of a period by the first: that of the classic key comes second. */
export const idsOf = (id: number): readonly number[] => [id, (id + CLASSIC_ID_OFFSET) % KEY_IDS]

/** Derives the keys of a period, and zeroes their secret. */
export async function deriveGeneration(
  period: number,
  { id, secret, createdAtMs }: GenerationSecret,
  { hybrid, classic }: Kems,
): Promise<Generation> {
  const keys: RequestKey[] = []
  try {
    for (const [at, keyId] of idsOf(id).entries()) {
      const kem = [hybrid, classic][at]
      if (kem !== undefined) keys.push(await deriveKey(kem, keyId, secret))
    }
  } finally {
    secret.fill(0)
  }
  return { period, id, keys, createdAtMs, discoveredAtMs: performance.now() }
}

/** Derives one key: independent of the other, so that either is as strong as it would be alone. */
async function deriveKey(kem: Kem, id: number, secret: Uint8Array): Promise<RequestKey> {
  const label = `nomyo request key ${kem.name}`
  const seed = new Uint8Array(hkdfSync('sha256', secret, '', label, SECRET_BYTES))
  try {
    return await createRequestKey(kem, { id, seed })
  } finally {
    seed.fill(0)
  }
}
