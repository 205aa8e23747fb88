import { expect, it } from 'vitest'
import { readKey } from '../src/harness/run-context.js'
import { SIZES, chatRequest } from '../src/messages.js'
import { CONTENDERS, messageOf, verify, type Contender } from '../src/seal/contender.js'
import { makeContenders } from '../src/seal/contenders/index.js'

const contenders = await makeContenders(readKey())
const { ours, baseline } = contenders
const others = await makeContenders(readKey('other'))
const ascii = messageOf('64 KB', 'ascii')

it.each(CONTENDERS)('%s gives back what it sealed', async (name) => {
  const contender = contenders[name]
  expect(contender.name).toBe(name)
  await verify(contender, ours, ascii)
  await verify(contender, ours, messageOf('64 KB', 'multi-byte'))
})

it('a contender that opens something else is found out', async () => {
  const liar: Contender = { ...ours, name: 'naive', open: async () => chatRequest('1 KB', 'ascii') }
  await expect(verify(liar, ours, ascii)).rejects.toThrow('naive')
  const open = async (): Promise<Uint8Array> => new Uint8Array(ascii.json.length)
  await expect(verify({ ...baseline, open }, ours, ascii)).rejects.toThrow('baseline')
})

it('envelopes that only their maker opens are found out', async () => {
  // Both halves fit each other, for another key.
  const apart: Contender = { ...others.ours, name: 'webcrypto' }
  await expect(verify(apart, ours, ascii)).rejects.toThrow()
})

it.each(['1 KB', '64 KB', '1 MB', '9 MB'] as const)(
  'requests are of the size they say: %s',
  (size) => {
    expect(Buffer.byteLength(JSON.stringify(chatRequest(size, 'ascii')))).toBe(SIZES[size])
    const { messages } = chatRequest(size, 'multi-byte')
    expect(Buffer.byteLength(JSON.stringify(chatRequest(size, 'multi-byte')))).toBe(SIZES[size])
    expect(messages[1]?.content).toMatch(/[^\0-\x7f]/)
  },
)
