import { createDecipheriv, type DecipherGCM } from 'node:crypto'
import { afterEach, expect, it, vi } from 'vitest'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import { platform } from '../src/platform/node.js'
import { replaceTransfer, testPair } from './support.js'

afterEach(() => vi.restoreAllMocks())

const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2)]

it.each([0, 1, 15, 16, 17, 49_151, 49_152, 49_153, 200_000])(
  'decrypts %d bytes in place and leaves no part of them elsewhere',
  async (size) => {
    const plaintext = new Uint8Array(size).fill(0x61)
    const sealed = await seal(plaintext)
    const freed = replaceTransfer()
    const parts = partsDuringDecryption()
    const opened = await platform.decryptAesGcm(sealed, key, nonce)
    expect(Buffer.compare(opened!, plaintext)).toBe(0)
    expect(opened!.buffer).toBe(sealed.buffer)
    expect(parts.length).toBe(Math.ceil(size / 49_152))
    expect(freed.length).toBe(parts.length)
    for (const part of freed) expect(part.every((byte) => byte === 0)).toBe(true)
  },
)

it.each([0, 1, 49_151, 49_152, 49_153, 200_000])(
  'uses no memory of a sealed message of %d bytes after it is freed, and frees no memory of the caller',
  async (size) => {
    const { publicKey, privateKey } = await testPair('client')
    const plaintext = new Uint8Array(size).fill(0x61)
    const freed = replaceTransfer()
    for (const appendTag of [false, true]) {
      const envelope = await sealEnvelope(plaintext, publicKey, { appendTag })
      const opened = await openEnvelope(envelope, privateKey, { acceptAppendedTag: true })
      expect(Buffer.compare(opened.plaintext, plaintext)).toBe(0)
      expect(opened.tagIsAppended).toBe(appendTag)
    }
    expect(plaintext.length).toBe(size)
    expect(freed.length).toBe(4 * Math.ceil(size / 49_152))
  },
)

it.each([
  [1, 0],
  [3, 3],
])('yields to the event loop in every step of a message of %d MiB', async (size, turns) => {
  const plaintext = new Uint8Array(size * 1024 * 1024)
  const base64 = Buffer.from(plaintext).toString('base64')
  let sealed = new Uint8Array()
  expect(await turnsDuring(async () => (sealed = await seal(plaintext)))).toBe(turns)
  expect(await turnsDuring(() => platform.decryptAesGcm(sealed, key, nonce))).toBe(turns)
  const [ascii, target] = [Buffer.from(base64), new Uint8Array(plaintext.length)]
  expect(await turnsDuring(() => platform.decodeBase64Into(ascii, target))).toBe(turns)
})

it('leaves no plaintext behind when the tag is wrong', async () => {
  const sealed = await seal(new Uint8Array(100_000).fill(0x61))
  sealed[sealed.length - 1]! ^= 1
  expect(await platform.decryptAesGcm(sealed, key, nonce)).toBeUndefined()
  expect(sealed.subarray(0, -16).every((byte) => byte === 0)).toBe(true)
})

/** Counts the turns that the event loop takes during an action. */
async function turnsDuring(action: () => unknown): Promise<number> {
  let turns = 0
  const count = (): void => {
    turns++
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  await action()
  clearImmediate(timer)
  return turns
}

async function seal(plaintext: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = new Uint8Array(plaintext.length + 16)
  let at = 0
  const tag = await platform.encryptAesGcm(plaintext, key, nonce, (part) => {
    sealed.set(part, at)
    at += part.length
  })
  sealed.set(tag, at)
  return sealed
}

/** Fills up while decrypting. */
function partsDuringDecryption(): Uint8Array[] {
  const parts: Uint8Array[] = []
  const prototype = Object.getPrototypeOf(
    createDecipheriv('aes-256-gcm', key, nonce),
  ) as DecipherGCM
  const { update } = prototype
  vi.spyOn(prototype, 'update').mockImplementation(function (
    this: DecipherGCM,
    ...parameters: unknown[]
  ) {
    const part = (update as (...data: unknown[]) => Buffer).apply(this, parameters)
    parts.push(part)
    return part as never
  })
  return parts
}
