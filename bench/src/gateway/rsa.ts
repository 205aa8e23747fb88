import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { KeyPem } from '../harness/run-context.js'

/**
 * Measures RSA-4096 decryptions a second on one thread per core: the limit of every gateway on this
 * machine, because each sealed request takes one.
 */
export async function measureRsa(pem: KeyPem): Promise<number> {
  const threads = Array.from({ length: availableParallelism() }, async () => {
    const worker = new Worker(new URL('./rsa-worker.js', import.meta.url), {
      workerData: pem.privateKey,
    })
    const [perSecond] = (await once(worker, 'message')) as [number]
    await worker.terminate()
    return perSecond
  })
  return (await Promise.all(threads)).reduce((sum, perSecond) => sum + perSecond, 0)
}
