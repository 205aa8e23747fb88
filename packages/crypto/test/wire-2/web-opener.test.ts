import { expect, it, vi } from 'vitest'
import { chunkOpener } from '../../src/wire-2/chunks/opener.js'
import { chunkSealer } from '../../src/wire-2/chunks/sealer.js'
import { refusalCodeOf, utf8 } from '../support.js'

vi.mock('#wire-2-platform', () => import('../../src/wire-2/platform/neutral.js'))

const keys = () => ({ key: new Uint8Array(32).fill(1), baseNonce: new Uint8Array(12).fill(2) })
const head = Uint8Array.of(7)

function newOpener() {
  return chunkOpener({
    headBytes: () => head.length,
    keysOf: keys,
    firstChunk: 16_384,
    maxChunk: 16_384,
    maxBytes: 1_000_000,
  })
}

it('an opener that is disposed of while WebCrypto decrypts hands out nothing, and zeroes it', async () => {
  const sealer = chunkSealer(head, keys(), { maxChunk: 16_384 })
  const sealed = await sealer.seal(utf8('secret'))
  const opener = newOpener()
  const decrypt = crypto.subtle.decrypt.bind(crypto.subtle)
  const decrypted: ArrayBuffer[] = []
  vi.spyOn(crypto.subtle, 'decrypt').mockImplementation(async (...given) => {
    const plaintext = await decrypt(...given)
    decrypted.push(plaintext)
    opener.dispose()
    return plaintext
  })
  try {
    await opener.push(head)
    expect(await refusalCodeOf(() => opener.push(sealed))).toBe('ERR_KEY_DISPOSED')
  } finally {
    vi.restoreAllMocks()
  }
  expect(opener.opened).toBe(0)
  expect(decrypted.map((bytes) => new Uint8Array(bytes))).toEqual([new Uint8Array(6)])
})
