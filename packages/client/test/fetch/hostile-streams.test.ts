import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  connect,
  drain,
  hello,
  newClient,
  post,
  turn,
  type Exchange,
  type Serve,
} from './support.js'

const CHAT = '/v1/chat/completions'
const streamed = post({ ...hello, stream: true })
const event = (n: number): string => `data: {"n":${String(n)}}\n\n`

/** Codes of a stream that is not authentic. */
const WRONG = 'ERR_DECRYPTION_FAILED'

/** Reads a stream that these chunks make up, after the head. */
async function read(serve: Serve, options: Parameters<typeof connect>[1] = {}) {
  const { client, server } = await connect(serve, options)
  const result = await drain(await client.fetch(CHAT, streamed))
  await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  return result
}

describe('a stream is refused after its authentic parts', () => {
  it.each(['with', 'without'] as const)('when it breaks off, %s a reset', async (how) => {
    const { text, error } = await read(async ({ begin, response }) => {
      const stream = await begin()
      await stream.send(event(0) + 'data: [DONE]\n\n')
      if (how === 'without') response.end()
      else setTimeout(() => response.destroy(), 50)
    })
    expect(text).toBe(`${event(0)}data: [DONE]\n\n`)
    expect(error).toMatchObject({ name: 'APIConnectionError', code: 'ERR_TRUNCATED' })
    expect(error).toHaveProperty('payloadId')
  })

  type Order = (a: Uint8Array, b: Uint8Array, c: Uint8Array) => Uint8Array[]
  it.each<[string, Order, number]>([
    ['reordered', (a, b, c) => [a, c, b], 1],
    ['duplicated', (a, b, c) => [a, b, b, c], 2],
    ['dropped', (a, _, c) => [a, c], 1],
    ['changed', (a, b, c) => [a, b.map((byte, at) => (at === 9 ? byte ^ 1 : byte)), c], 1],
  ])('when chunks are %s', async (_what, order, good) => {
    const { text, error } = await read(async ({ begin, response }) => {
      const stream = await begin()
      const [a, b, c] = [
        await stream.seal(event(0)),
        await stream.seal(event(1)),
        await stream.seal(event(2)),
      ]
      // Each in a part of its own, so that the good ones are not lost with the others.
      for (const chunk of order(a, b, c)) {
        response.write(chunk)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      await stream.end()
    })
    expect(text).toBe([0, 1, 2].slice(0, good).map(event).join(''))
    expect(error).toMatchObject({ name: 'SecurityError', code: WRONG })
  })

  it('when chunks of another stream are replayed in it', async () => {
    const recorded: Uint8Array[] = []
    const { client } = await connect(async ({ begin, response }) => {
      const stream = await begin()
      if (recorded.length === 0) recorded.push(await stream.seal(event(7)))
      else response.write(recorded[0]!)
      await stream.end()
    })
    await drain(await client.fetch(CHAT, streamed))
    const { text, error } = await drain(await client.fetch(CHAT, streamed))
    expect(text).toBe('')
    expect(error).toMatchObject({ name: 'SecurityError', code: WRONG })
  })

  it('when bytes follow its end', async () => {
    const { error } = await read(async ({ begin, sealer, response }) => {
      const stream = await begin()
      await stream.send(event(0))
      response.write(await sealer.seal(Uint8Array.of(0, 0), { final: true }))
      response.end(Uint8Array.of(1))
    })
    expect(error).toMatchObject({ name: 'SecurityError', code: WRONG })
  })

  it('when it is larger than 64 MiB', { timeout: 30_000 }, async () => {
    const part = Buffer.alloc(65_000, 0x20)
    const { client } = await connect(async ({ begin, response }) => {
      const stream = await begin()
      while (!response.destroyed) await stream.send(part)
    })
    const response = await client.fetch(CHAT, streamed)
    let size = 0
    const reading = (async () => {
      for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
        size += bytes.length
      }
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_ENVELOPE_TOO_LARGE' })
    expect(size).toBeLessThanOrEqual(64 * 1024 * 1024)
  })
})

describe('a stream that is silent', () => {
  it('ends after the time for that, which every authentic chunk starts anew', async () => {
    const { text, error } = await read(
      async ({ begin, response }) => {
        const stream = await begin()
        for (let n = 0; n < 4; n++) {
          await new Promise((resolve) => setTimeout(resolve, 150))
          await stream.send(event(n))
        }
        // Bytes that are part of no chunk are no sign of life.
        const drip = setInterval(() => response.write(Uint8Array.of(0x20)), 20)
        response.once('close', () => {
          clearInterval(drip)
        })
      },
      { streamIdleTimeout: 400 },
    )
    expect(text).toBe([0, 1, 2, 3].map(event).join(''))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('is not ended while its reader is slow', async () => {
    const { client } = await connect(
      async ({ begin }) => {
        const stream = await begin()
        for (let n = 0; n < 40; n++) await stream.send(Buffer.alloc(60_000, 0x20))
        await stream.end()
      },
      { streamIdleTimeout: 200 },
    )
    const response = await client.fetch(CHAT, streamed)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const { text, error } = await drain(response)
    expect(error).toBeUndefined()
    expect(text).toHaveLength(2_400_000)
  })

  it('before its head is ended by the time limit of the call', async () => {
    const { client, server } = await connect(({ response, sealer }) => {
      response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
      response.write(sealer.head)
    })
    // Long enough that a busy machine has sent the request.
    await expectCode(client.fetch(CHAT, { ...streamed, timeout: 2000 }), 'ERR_TIMEOUT')
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })
})

it('a body that is not read holds no more than a little of it', async () => {
  let sent = 0
  const { client, server } = await connect(async ({ begin }) => {
    const stream = await begin()
    for (let n = 0; n < 200; n++) {
      await stream.send(Buffer.alloc(65_000, 0x20))
      sent += 65_000
    }
    await stream.end()
  })
  const response = await client.fetch(CHAT, streamed)
  await new Promise((resolve) => setTimeout(resolve, 400))
  // What the sockets of both ends hold, and 64 KiB; not 13 MB.
  expect(sent).toBeLessThan(9_000_000)
  const before = sent
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(sent).toBe(before)
  await response.body?.cancel()
  await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
})

describe('a stream that its caller ends', () => {
  /** Sends one event, and then waits. */
  const waiting =
    (begun: () => void): Serve =>
    async ({ begin }: Exchange) => {
      const stream = await begin()
      await stream.send(event(0))
      setTimeout(begun, 20)
    }

  it('by its signal is closed, and fails with ERR_ABORTED', async () => {
    const caller = new AbortController()
    const { client, server } = await connect(
      waiting(() => {
        caller.abort()
      }),
    )
    const response = await client.fetch(CHAT, { ...streamed, signal: caller.signal })
    const { error } = await drain(response)
    expect(error).toMatchObject({ name: 'APIConnectionError', code: 'ERR_ABORTED' })
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })

  it('with its client is closed, and fails with ERR_ABORTED', async () => {
    const { client, server } = await connect(
      waiting(() => {
        client.dispose()
      }),
    )
    const { error } = await drain(await client.fetch(CHAT, streamed))
    expect(error).toMatchObject({ name: 'APIConnectionError', code: 'ERR_ABORTED' })
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })

  it('by cancelling its body is closed', async () => {
    const { client, server } = await connect(waiting(() => undefined))
    const reader = (await client.fetch(CHAT, streamed)).body!.getReader()
    await reader.read()
    await reader.cancel()
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })

  it('with its client, in whatever state it is, fails with ERR_ABORTED', async () => {
    const { client, server } = await connect(() => undefined)
    const calls = [
      client.fetch(CHAT, streamed),
      client.chat.completions.create({ ...hello, stream: true }),
      client.models.list(),
    ]
    client.dispose()
    for (const call of calls) await expectCode(call, 'ERR_ABORTED')
    await expectCode(client.fetch(CHAT, streamed), 'ERR_KEY_DISPOSED')
    const other = newClient(server)
    const body = new ReadableStream({
      pull: () => {
        other.dispose()
      },
    })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    await expectCode(other.fetch('/v1/embeddings', init), 'ERR_ABORTED')
    expect(server.requests).toEqual([])
  })

  it('before its head is closed as any request', async () => {
    const caller = new AbortController()
    const { client, server } = await connect(() => {
      caller.abort()
    })
    await expectCode(client.fetch(CHAT, { ...streamed, signal: caller.signal }), 'ERR_ABORTED')
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })

  it('while its request is read sends nothing', async () => {
    const caller = new AbortController()
    const { client, server } = await connect(() => undefined)
    const body = new ReadableStream({
      pull: () => {
        caller.abort()
      },
    })
    const init = { method: 'POST', body, signal: caller.signal, duplex: 'half' }
    await expectCode(client.fetch('/v1/embeddings', init), 'ERR_ABORTED')
    expect(server.requests).toEqual([])
  })
})

it('an interim answer before the head is a sign of life, and no head', async () => {
  const head = turn()
  const { client } = await connect(async ({ sealer, response, fields }) => {
    expect(fields['accept']).toBe('*/*')
    response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
    response.write(sealer.head)
    // Framing 3, status 102, no fields; then 200, no fields, no content, no trailers.
    response.write(await sealer.seal(Uint8Array.of(3, 0x40, 102, 0)))
    await head.come
    response.write(await sealer.seal(Uint8Array.of(0x40, 200, 0)))
    response.end(await sealer.seal(Uint8Array.of(0, 0), { final: true }))
  })
  let hasCome = false
  const fetching = client.fetch(CHAT, streamed).then((response) => {
    hasCome = true
    return response
  })
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(hasCome).toBe(false)
  head.now()
  expect(await drain(await fetching)).toEqual({ text: '', error: undefined })
})
