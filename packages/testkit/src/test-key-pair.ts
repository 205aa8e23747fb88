import { generateKeyPair, type KeyPair } from '@nomyo/crypto'

/** A key of the global object, so that two copies of this package share one pair. */
const CACHE = Symbol.for('nomyo.testkit.keyPair')

/**
 * Returns a server key pair that is generated once per process. A pair takes 0.3 to 3 seconds, which adds
 * up where every test starts its own gateway.
 *
 * For tests only, and not for {@link TestGateway.rotateKey}: it is always the same pair.
 *
 * @example
 * ```ts
 * import { startTestGateway, testKeyPair } from '@nomyo/testkit'
 *
 * const gateway = await startTestGateway({ serverKey: await testKeyPair() })
 * await gateway.close()
 * ```
 */
export function testKeyPair(): Promise<KeyPair> {
  const cache = globalThis as Record<symbol, Promise<KeyPair> | undefined>
  return (cache[CACHE] ??= generateKeyPair())
}
