import { generateKeyPair, type KeyPair } from '@nomyo/crypto'

/** On the global object, so that two copies of this package share one pair. */
const CACHE = Symbol.for('nomyo.testkit.keyPair')

/**
 * A server key pair made once per process, for `startTestGateway({ serverKey: await testKeyPair() })`:
 * making one takes 0.3 to 3 seconds, which adds up where every test starts its own gateway.
 *
 * For tests only, and not for {@link TestGateway.rotateKey}: it is always the same pair.
 */
export function testKeyPair(): Promise<KeyPair> {
  const cache = globalThis as Record<symbol, Promise<KeyPair> | undefined>
  return (cache[CACHE] ??= generateKeyPair())
}
