import { loadHybridKem, type Kem } from '@nomyo/crypto/wire-2'
import type { Logger } from '../../observability/log.js'
import { DecapsulationWorker } from './decapsulation-worker.js'

/** KEM of request keys. */
export interface RequestKem extends Kem {
  /** Ends the thread. Keys cannot be used afterwards. */
  close(): Promise<void>
}

/**
 * Returns the hybrid KEM for request keys, whose decapsulation does not occupy the event loop: a thread computes it.
 * The runtime's own ML-KEM has threads too, but waiting for each result costs the event loop more than a batch.
 */
export async function openRequestKem(logger: Logger): Promise<RequestKem> {
  const kem = await loadHybridKem()
  if (kem.implementation === 'javascript') {
    logger.warn(
      'wire 2: this runtime has no ML-KEM, so keys decapsulate in JavaScript, which is slower and makes no ' +
        'claim to constant time: Node 24 or later is recommended',
    )
  }
  // In JavaScript, decapsulation takes the thread longer than all the rest takes the event loop.
  const worker = new DecapsulationWorker({ logger, derives: kem.implementation !== 'javascript' })
  return { ...kem, importKey: (seed) => worker.importKey(seed), close: () => worker.close() }
}
