import { existsSync, readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { temporaryFolder } from '@nomyo-internal/testing'
import {
  createRequestKey,
  deriveRequestSecrets,
  loadHybridKem,
  type Kem,
} from '@nomyo/crypto/wire-2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DecapsulationWorker, SOURCE } from '../../src/wire-2/kem/decapsulation-worker.js'

const kem = await loadHybridKem()
const seed = new Uint8Array(32).fill(7)

function startWorker(options: { source?: string; timeoutMs?: number } = {}) {
  const warnings: string[] = []
  const logger = { info: () => undefined, warn: (message: string) => void warnings.push(message) }
  const worker = new DecapsulationWorker({ logger, ...options })
  onTestFinished(() => worker.close())
  const offLoop: Kem = { ...kem, importKey: (given) => worker.importKey(given) }
  return { worker, offLoop, warnings }
}

/** The thread, with code that runs before each decapsulation; `first` is true once in a test. */
const disturbed = (code: string): string => `
const { mkdirSync } = require('node:fs')
const once = (path) => { try { mkdirSync(path); return true } catch { return false } }
require('node:worker_threads').parentPort.on('message', (messages) => {
  for (const { operation: { type, bytes } } of messages) {
    if (type !== 'decapsulate') continue
    ${code}
  }
})
${SOURCE}`

const disposed = expect.objectContaining({ code: 'ERR_KEY_DISPOSED' }) as Error

describe('a thread that decapsulates', () => {
  it('gives the secrets that the KEM itself gives', async () => {
    const { offLoop } = startWorker()
    const key = await createRequestKey(offLoop, { id: 1, seed })
    expect(key.publicKey).toEqual((await createRequestKey(kem, { id: 1, seed })).publicKey)
    const pairs = await Promise.all(
      Array.from({ length: 20 }, () => kem.encapsulate(key.publicKey)),
    )
    const secrets = await Promise.all(pairs.map(({ enc }) => key.decapsulate(enc)))
    expect(secrets).toEqual(pairs.map(({ sharedSecret }) => sharedSecret))
  })

  it('derives the secrets that the program itself derives, of both suites', async () => {
    const { offLoop } = startWorker()
    const key = await createRequestKey(offLoop, { id: 1, seed })
    const { enc } = await kem.encapsulate(key.publicKey)
    for (const [aeadId, length] of [
      [1, 16 + 12 + 16],
      [2, 32 + 12 + 32],
    ] as const) {
      const head = Buffer.concat([Uint8Array.of(1, 0x64, 0x7a, 0, 1, 0, aeadId), enc])
      const secrets = await key.deriveSecrets?.(head)
      expect(secrets).toHaveLength(length)
      expect(secrets).toEqual(await deriveRequestSecrets(key, head))
    }
    const unknown = Buffer.concat([Uint8Array.of(1, 0x64, 0x7a, 0, 1, 0, 3), enc])
    await expect(key.deriveSecrets?.(unknown)).rejects.toMatchObject({
      code: 'ERR_DECRYPTION_FAILED',
    })
  })

  it('receives what is asked in one turn of the event loop in messages of at most four', async () => {
    const folder = temporaryFolder()
    const source = disturbed(`once(${JSON.stringify(folder)} + '/' + messages.length)`)
    const { offLoop } = startWorker({ source })
    const key = await createRequestKey(offLoop, { id: 1, seed })
    const { enc, sharedSecret } = await kem.encapsulate(key.publicKey)
    const secrets = await Promise.all(Array.from({ length: 18 }, () => key.decapsulate(enc)))
    expect(readdirSync(folder).sort()).toEqual(['2', '4'])
    expect(secrets).toEqual(Array.from({ length: 18 }, () => sharedSecret))
  })

  it.runIf(process.platform === 'linux')('leaves the event loop precedence', async () => {
    const threads = () => readdirSync('/proc/self/task')
    const before = threads()
    const { offLoop } = startWorker()
    await offLoop.importKey(seed)
    const added = threads().filter((thread) => !before.includes(thread))
    const priorities = added.map((thread) => getPriority(Number(thread)))
    expect(Math.max(...priorities)).toBe(Math.min(19, getPriority() + 5))
  })

  it('refuses what is no encapsulation or no key, with the codes of the KEM', async () => {
    const { offLoop, warnings } = startWorker()
    const key = await createRequestKey(offLoop, { id: 1 })
    const { enc } = await kem.encapsulate(key.publicKey)
    await expect(key.decapsulate(enc.subarray(1))).rejects.toMatchObject({
      code: 'ERR_DECRYPTION_FAILED',
    })
    await expect(offLoop.importKey(new Uint8Array(31))).rejects.toMatchObject({
      code: 'ERR_KEY_INVALID',
    })
    expect(warnings).toEqual([])
  })

  it('forgets a key that is disposed of, and no other', async () => {
    const { offLoop } = startWorker()
    const [old, next] = [
      await createRequestKey(offLoop, { id: 1 }),
      await createRequestKey(offLoop, { id: 2 }),
    ]
    old.dispose()
    old.dispose()
    const { enc } = await kem.encapsulate(old.publicKey)
    await expect(old.decapsulate(enc)).rejects.toEqual(disposed)
    const pair = await kem.encapsulate(next.publicKey)
    expect(await next.decapsulate(pair.enc)).toEqual(pair.sharedSecret)
  })

  it('is replaced when it ends, with its keys and the work in progress', async () => {
    const flag = `${temporaryFolder()}/crashed`
    const source = disturbed(`if (once(${JSON.stringify(flag)})) process.exit(1)`)
    const { offLoop, warnings } = startWorker({ source })
    const keys = [
      await createRequestKey(offLoop, { id: 1 }),
      await createRequestKey(offLoop, { id: 2 }),
    ]
    const pairs = await Promise.all(keys.map(({ publicKey }) => kem.encapsulate(publicKey)))
    const secrets = await Promise.all(keys.map((key, at) => key.decapsulate(pairs[at]!.enc)))
    expect(existsSync(flag)).toBe(true)
    expect(secrets).toEqual(pairs.map(({ sharedSecret }) => sharedSecret))
    expect(warnings).toHaveLength(1)
  })

  it('refuses with 503 what ends it twice, and serves everything else', async () => {
    const { offLoop } = startWorker({ source: disturbed('if (bytes[0] === 66) process.exit(1)') })
    const key = await createRequestKey(offLoop, { id: 1 })
    const poison = new Uint8Array(kem.encBytes).fill(66)
    await expect(key.decapsulate(poison)).rejects.toMatchObject({ statusCode: 503 })
    let pair = await kem.encapsulate(key.publicKey)
    while (pair.enc[0] === 66) pair = await kem.encapsulate(key.publicKey)
    expect(await key.decapsulate(pair.enc)).toEqual(pair.sharedSecret)
  })

  it('is replaced when it makes no progress', async () => {
    const flag = `${temporaryFolder()}/stuck`
    const source = disturbed(`if (once(${JSON.stringify(flag)})) for (;;);`)
    const { offLoop } = startWorker({ source, timeoutMs: 2500 })
    const key = await createRequestKey(offLoop, { id: 1 })
    const { enc, sharedSecret } = await kem.encapsulate(key.publicKey)
    expect(await key.decapsulate(enc)).toEqual(sharedSecret)
  })

  it('refuses work after it is closed, and before that what is in progress', async () => {
    const { worker, offLoop } = startWorker()
    const key = await createRequestKey(offLoop, { id: 1 })
    const { enc } = await kem.encapsulate(key.publicKey)
    const last = key.decapsulate(enc)
    const refused = expect(last).rejects.toMatchObject({ statusCode: 503 })
    await worker.close()
    await refused
    await expect(key.decapsulate(enc)).rejects.toEqual(disposed)
    await expect(offLoop.importKey(seed)).rejects.toMatchObject({ statusCode: 503 })
  })
})
