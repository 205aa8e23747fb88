// A thread of `measureDecapsulations`: decapsulates for a while and reports operations per second.
import { parentPort } from 'node:worker_threads'
import { loadHybridKem } from '@nomyo/crypto/wire-2'

const DURATION_MS = 600

const kem = await loadHybridKem()
const { publicKey, decapsulate } = await kem.importKey(new Uint8Array(32).fill(1))
const { enc } = await kem.encapsulate(publicKey)
/** Two at a time: one waits for its result while the other is computed. */
const lane = async (): Promise<number> => {
  let count = 0
  for (; performance.now() - startedAt < DURATION_MS; count++) await decapsulate(enc)
  return count
}
// Until the hot code is compiled.
for (let count = 0; count < 200; count++) await decapsulate(enc)
const startedAt = performance.now()
const [one, other] = await Promise.all([lane(), lane()])
parentPort?.postMessage((1000 * (one + other)) / (performance.now() - startedAt))
