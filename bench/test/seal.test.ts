import { beforeAll, expect, it } from 'vitest'
import { generateKey, type KeyPem } from '../src/harness/run-context.js'
import { SIZES, chatRequest } from '../src/messages.js'
import { CONTENDERS, type Contender, type Message } from '../src/seal/contender.js'
import { CONTENDER_MAKERS } from '../src/seal/contenders/index.js'
import { verify } from '../src/seal/verify.js'

let pem: KeyPem
let ours: Contender
let other: Contender
beforeAll(async () => {
  pem = generateKey()
  ours = await CONTENDER_MAKERS.ours(pem)
  other = await CONTENDER_MAKERS.ours(generateKey())
})

function messageOf(text: 'ascii' | 'multi-byte'): Message {
  const value = chatRequest('64 KB', text)
  return { value, json: new TextEncoder().encode(JSON.stringify(value)) }
}

it.each(CONTENDERS)('%s gives back what it sealed', async (name) => {
  const contender = await CONTENDER_MAKERS[name](pem)
  expect(contender.name).toBe(name)
  await verify(contender, ours, messageOf('ascii'))
  await verify(contender, ours, messageOf('multi-byte'))
})

it('a contender that opens something else is found out', async () => {
  const message = messageOf('ascii')
  const liar: Contender = { ...ours, name: 'naive', open: async () => chatRequest('1 KB', 'ascii') }
  await expect(verify(liar, ours, message)).rejects.toThrow('naive')
  const baseline = await CONTENDER_MAKERS.baseline(pem)
  const open = async (): Promise<Uint8Array> => new Uint8Array(message.json.length)
  await expect(verify({ ...baseline, open }, ours, message)).rejects.toThrow('baseline')
})

it('envelopes that only their maker opens are found out', async () => {
  // Both halves fit each other, for another key.
  const apart: Contender = { ...other, name: 'webcrypto' }
  await expect(verify(apart, ours, messageOf('ascii'))).rejects.toThrow()
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
