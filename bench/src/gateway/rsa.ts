import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { KeyPem } from '../key.js'

/**
 * RSA-4096 decryptions a second on as many threads as there are cores: every sealed request takes one,
 * so that no gateway on this machine serves more.
 */
export async function measureRsa(pem: KeyPem): Promise<number> {
  const lanes = Array.from({ length: availableParallelism() }, async () => {
    const worker = new Worker(new URL('./rsa-lane.js', import.meta.url), {
      workerData: pem.privateKey,
    })
    const [perSecond] = (await once(worker, 'message')) as [number]
    await worker.terminate()
    return perSecond
  })
  return (await Promise.all(lanes)).reduce((sum, perSecond) => sum + perSecond, 0)
}
