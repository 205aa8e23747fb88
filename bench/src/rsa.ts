import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

/**
 * RSA-4096 decryptions a second on as many threads as there are cores: every sealed request takes one,
 * so that no gateway on this machine serves more.
 */
export async function measureRsa(): Promise<number> {
  // Made before, so that all of them are at work at the same time.
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096 })
  const workerData = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const lanes = Array.from({ length: availableParallelism() }, async () => {
    const worker = new Worker(new URL('./rsa-lane.js', import.meta.url), { workerData })
    const [perSecond] = (await once(worker, 'message')) as [number]
    await worker.terminate()
    return perSecond
  })
  return (await Promise.all(lanes)).reduce((sum, perSecond) => sum + perSecond, 0)
}
