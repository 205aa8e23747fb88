import { importPublicKey, sealJson, type PublicKey } from '@nomyo/crypto'
import { chat, post, type GatewayProcess } from './support.js'

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 50_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it has not come about')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const keyOf = async (gateway: GatewayProcess): Promise<PublicKey> =>
  importPublicKey(await (await fetch(`${gateway.url}/pki/public_key`)).text())

/** The fingerprint of the key a gateway hands out. */
export const handedOut = async (gateway: GatewayProcess): Promise<string> =>
  (await keyOf(gateway)).fingerprint

export const sealedFor = (key: PublicKey): Promise<Uint8Array> => sealJson(chat('hello'), key)

export const statusFor = async (gateway: GatewayProcess, key: PublicKey): Promise<number> =>
  (await post(gateway, await sealedFor(key))).status

/**
 * Rotates while requests keep coming: each is sealed for the key that one gateway hands out at the
 * moment and sent to the other one, in both directions.
 *
 * @returns the statuses of failed requests, and how many came after both gateways had the new key
 */
export async function rotateUnderLoad(
  gateways: readonly [GatewayProcess, GatewayProcess],
  rotate: () => Promise<void>,
): Promise<{ failed: number[]; afterwards: number }> {
  const [one, two] = gateways
  const failed: number[] = []
  let sent = 0
  let done = false
  const ask = async (from: GatewayProcess, to: GatewayProcess): Promise<void> => {
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
