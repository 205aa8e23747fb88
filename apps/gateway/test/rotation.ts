import { importPublicKey, sealJson, type PublicKey } from '@nomyo/crypto'
import { until } from '@nomyo-internal/testing'
import { chat, post, type TestGateway } from './support.js'

const keyOf = async (gateway: TestGateway): Promise<PublicKey> =>
  importPublicKey(await (await fetch(`${gateway.url}/pki/public_key`)).text())

/** The fingerprint of the key a gateway hands out. */
export const handedOut = async (gateway: TestGateway): Promise<string> =>
  (await keyOf(gateway)).fingerprint

export const sealedFor = (key: PublicKey): Promise<Uint8Array> => sealJson(chat('hello'), key)

export const statusFor = async (gateway: TestGateway, key: PublicKey): Promise<number> =>
  (await post(gateway, await sealedFor(key))).status

/**
 * Rotates while requests keep coming: each is sealed for the key that one gateway hands out at the
 * moment and sent to the other one, in both directions.
 *
 * @returns the statuses of failed requests, and how many came after both gateways had the new key
 */
export async function rotateUnderLoad(
  gateways: readonly [TestGateway, TestGateway],
  rotate: () => Promise<void>,
): Promise<{ failed: number[]; afterwards: number }> {
  const [one, two] = gateways
  const failed: number[] = []
  let sent = 0
  let done = false
  const ask = async (from: TestGateway, to: TestGateway): Promise<void> => {
    while (!done) {
      const status = await statusFor(to, await keyOf(from))
      if (status !== 200) failed.push(status)
      sent++
    }
  }
  const load = Promise.all([ask(one, two), ask(two, one)])
  const before = await handedOut(one)
  await until(() => sent > 3)
  await rotate()
  await until(async () => (await handedOut(one)) !== before && (await handedOut(two)) !== before)
  const rotatedAt = sent
  await until(() => sent > rotatedAt + 10)
  done = true
  await load
  return { failed, afterwards: sent - rotatedAt }
}
