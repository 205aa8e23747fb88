import { encodeRequest } from '@nomyo/crypto/wire-2'
import { expect, it } from 'vitest'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import { RequestMessage } from '../../src/wire-2/request/request-message.js'
import { TurnBudget } from '../../src/wire-2/request/turn-budget.js'

const message = encodeRequest({
  ...{ method: 'POST', scheme: 'https', authority: '', path: '/v1/chat/completions' },
  fields: [],
  content: new Uint8Array(100).fill(7),
})
const HEAD_BYTES = 60

/** Reads a message whose second chunk is the rest and these bytes. */
async function read(more: readonly number[]) {
  const chunk = new Uint8Array([...message.subarray(HEAD_BYTES), ...more])
  const chunks = [chunk]
  const request = new RequestMessage(
    message.slice(0, HEAD_BYTES),
    new TurnBudget(new EventLoopTurns()),
  )
  const content = request.readContent(() => Promise.resolve(chunks.shift()), 1000)
  const isRead = await content.then(
    (bytes) => bytes.length === 100,
    () => false,
  )
  return { isRead, isOverwritten: chunk.every((byte) => byte === 0) }
}

it('every chunk is overwritten once it is read, also where it is malformed', async () => {
  expect(await read([0, 0])).toEqual({ isRead: true, isOverwritten: true })
  const malformed = [0, 1, ...Array.from({ length: 3000 }, () => 0)]
  expect(await read(malformed)).toEqual({ isRead: false, isOverwritten: true })
})
