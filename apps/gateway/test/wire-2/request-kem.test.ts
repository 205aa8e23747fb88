import { loadHybridKem } from '@nomyo/crypto/wire-2'
import { expect, it, onTestFinished } from 'vitest'
import { openRequestKem } from '../../src/wire-2/kem/request-kem.js'

it('decapsulates in a thread on every runtime, and no more once it is closed', async () => {
  const own = await loadHybridKem()
  const warnings: string[] = []
  const kem = await openRequestKem({
    info: () => undefined,
    warn: (message) => void warnings.push(message),
  })
  onTestFinished(() => kem.close())
  const key = await kem.importKey(new Uint8Array(32).fill(7))
  const { enc, sharedSecret } = await own.encapsulate(key.publicKey)
  expect(await key.decapsulate(enc)).toEqual(sharedSecret)
  expect(key.deriveSecrets === undefined).toBe(own.implementation === 'javascript')
  expect(warnings).toHaveLength(own.implementation === 'javascript' ? 1 : 0)
  await kem.close()
  // The thread had the key.
  await expect(key.decapsulate(enc)).rejects.toMatchObject({ code: 'ERR_KEY_DISPOSED' })
})
