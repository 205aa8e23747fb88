import { expect, it } from 'vitest'
import { connect, drain, hello, post, type Serve } from '../fetch/support.js'

const request = { ...hello, stream: true } as const
const CHAT = '/v1/chat/completions'

const chunk = (id: string): string => `data: ${JSON.stringify({ id, choices: [] })}\n\n`

/** Begins a stream with these chunks, and leaves it open. */
const open =
  (...ids: string[]): Serve =>
  async ({ begin }) => {
    const stream = await begin()
    await stream.send(ids.map(chunk).join(''))
  }

/** Streams these chunks in one part, and ends. */
const whole =
  (...ids: string[]): Serve =>
  async ({ begin }) => {
    const stream = await begin()
    await stream.send(ids.map(chunk).join(''))
    await stream.end()
  }

async function start(serve: Serve) {
  const { client, server } = await connect(serve)
  const stream = await client.chat.completions.create(request)
  const isClosed = (): Promise<void> =>
    expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  return { stream, isClosed }
}

it('a stream whose body is cancelled before it is read closes the exchange', async () => {
  const { stream, isClosed } = await start(open('a'))
  await stream.toReadableStream().cancel()
  await isClosed()
})

it('a stream whose body is cancelled while its reader waits closes the exchange at once', async () => {
  const { stream, isClosed } = await start(open('a'))
  const reader = stream.toReadableStream().getReader()
  await reader.read()
  const waiting = reader.read()
  await reader.cancel()
  expect(await waiting).toMatchObject({ done: true })
  await isClosed()
})

it('two halves that are left before they are read close the exchange', async () => {
  const { stream, isClosed } = await start(open('a'))
  for (const half of stream.tee()) await half[Symbol.asyncIterator]().return?.()
  await isClosed()
})

it('an abort of the controller ends a stream whose chunks have all come', async () => {
  const { stream, isClosed } = await start(whole('a', 'b', 'c'))
  await isClosed()
  const seen: string[] = []
  for await (const { id } of stream) {
    seen.push(id)
    stream.controller.abort()
  }
  expect(seen).toEqual(['a'])
})

it('an abort ends a body that has all come and is not read', async () => {
  const { client, server } = await connect(whole('a'))
  const controller = new AbortController()
  const response = await client.fetch(CHAT, post(request, { signal: controller.signal }))
  await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  // The end of the connection is not yet that of the answer.
  await new Promise((resolve) => setTimeout(resolve, 50))
  controller.abort()
  expect(await drain(response)).toMatchObject({ text: '', error: { code: 'ERR_ABORTED' } })
})

it('a JSON answer to a request for a stream of responses is an error', async () => {
  const { client } = await connect(({ whole }) => whole(200, { id: 'r', output: [] }))
  const reading = async () => {
    const stream = await client.responses.create({ model: 'm', input: 'x', stream: true })
    const seen = []
    for await (const event of stream) seen.push(event)
    return seen
  }
  await expect(reading()).rejects.toMatchObject({ code: 'ERR_PLAINTEXT_INVALID' })
})

it.each(['abort', 'dispose'] as const)(
  'a body that is full and never read ends with %s, over the fetch of the platform',
  async (how) => {
    const { client, server } = await connect(
      async ({ begin, response }) => {
        const stream = await begin()
        while (!response.destroyed) await stream.send(Buffer.alloc(60_000, 0x20))
      },
      { fetch: globalThis.fetch },
    )
    const controller = new AbortController()
    const response = await client.fetch(CHAT, post(request, { signal: controller.signal }))
    await new Promise((resolve) => setTimeout(resolve, 300))
    if (how === 'abort') controller.abort()
    else client.dispose()
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
    expect(await drain(response)).toMatchObject({ error: { code: 'ERR_ABORTED' } })
  },
)
