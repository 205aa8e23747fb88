import { javaScriptHybridKem, platformHybridKem } from '../../src/wire-2/kem/combined.js'
import { nativeHybridKem } from '../../src/wire-2/kem/hybrid.js'
import type { Kem } from '../../src/wire-2/kem/kem.js'
import { javaScriptMlKem } from '../../src/wire-2/kem/javascript-ml-kem.js'
import { type MlKem, platformMlKem } from '../../src/wire-2/kem/ml-kem.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import type { ChunkOpener } from '../../src/wire-2/chunks/opener.js'
import {
  createRequestKey,
  encodeKeyList,
  parseKeyList,
  type KeyConfig,
  type RequestKey,
} from '../../src/wire-2/index.js'
import type { Bytes } from '../../src/bytes/bytes.js'
import {
  type HpkeSecrets,
  type HpkeSuite,
  exportSecret,
} from '../../src/wire-2/hpke/key-schedule.js'
import { AES_KEY_BYTES, ANSWER_SECRET, ascii } from '../../src/wire-2/labels.js'
import { concat } from '../support.js'

const isHere = (kem: Kem): Promise<boolean> =>
  kem.importKey(new Uint8Array(32)).then(
    () => true,
    () => false,
  )

/** The implementations of the hybrid KEM that this runtime can run; JavaScript always. */
export async function hybridKems(): Promise<Kem[]> {
  const kems = [await javaScriptHybridKem()]
  for (const kem of [platformHybridKem(), nativeHybridKem()]) {
    if (await isHere(kem)) kems.push(kem)
  }
  return kems
}

/** The implementations of ML-KEM-768 that this runtime can run; JavaScript always. */
export async function mlKems(): Promise<MlKem[]> {
  const platform = platformMlKem()
  const isHere = await platform.importKey(new Uint8Array(64)).then(
    () => true,
    () => false,
  )
  const kems = [javaScriptMlKem()]
  return isHere ? [...kems, platform] : kems
}

/** A request key and what its key list says. X25519, because it takes a tenth of the time. */
export async function testKey(
  kem: Kem = x25519Kem,
  id = 1,
): Promise<{ kem: Kem; key: RequestKey; config: KeyConfig }> {
  const key = await createRequestKey(kem, { id })
  const [config] = parseKeyList(encodeKeyList([key]))
  if (config === undefined) throw new Error('The list has no key.')
  return { kem, key, config }
}

/** Feeds a message in parts that end at `cuts`, and returns the whole plaintext. */
export async function openAll(
  opener: ChunkOpener,
  message: Uint8Array,
  cuts: readonly number[] = [],
): Promise<Bytes> {
  const chunks: Uint8Array[] = []
  const ends = [...cuts.map((cut) => cut % (message.length + 1)), message.length]
  let from = 0
  for (const end of ends.toSorted((a, b) => a - b)) {
    chunks.push(...(await opener.push(message.subarray(from, end))))
    from = end
  }
  chunks.push(await opener.end())
  return concat(...chunks)
}

/** Where the chunks of a message begin, and where the message ends. */
export function chunkBoundaries(message: Uint8Array, headBytes: number): number[] {
  const boundaries = [headBytes]
  for (let at = headBytes; ;) {
    const first = message[at] ?? 0
    const width = 2 ** (first >> 6)
    let length = first & 63
    for (let next = at + 1; next < at + width; next++) length = length * 256 + (message[next] ?? 0)
    if (length === 0) return [...boundaries, message.length]
    at += width + length
    boundaries.push(at)
  }
}

/** Exports the secret of an answer. */
export const exported = (suite: HpkeSuite, secrets: HpkeSecrets): Promise<Bytes> =>
  exportSecret(suite, secrets, ascii(ANSWER_SECRET), AES_KEY_BYTES[suite.aeadId] ?? 32)
