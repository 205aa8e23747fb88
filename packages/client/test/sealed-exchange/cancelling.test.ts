import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { faults, type Fault, type HttpExchange } from '@nomyo/testkit'
import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/options.js'
import { splitRequest } from '../../src/completion/seal-request.js'
import { Session } from '../../src/session.js'
import { connect, failureOf, hello, newGateway } from './support.js'

/** Answers with the begin of a body and then nothing more; calls back when it has begun. */
const stuck = (bytes: number | 'nothing', begun: () => void = () => undefined): Fault => ({
  name: 'stuck',
  appliesTo: 'any',
  answer: async ({ response, normalBody }: HttpExchange) => {
    if (bytes !== 'nothing') {
      const body = await normalBody()
      response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
      response.flushHeaders()
      response.write(body.subarray(0, bytes))
    }
    setTimeout(begun, 20)
  },
})

const PLACES = [
  ['while the gateway is silent', 'nothing'],
  ['after the head of HTTP', 0],
  ['within the first chunk', 100],
] as const

describe.each(PLACES)('%s', (_where, bytes) => {
  it('a caller may abort, and the connection is closed', async () => {
    const { client, gateway } = await connect()
    const caller = new AbortController()
    gateway.next(
      stuck(bytes, () => {
        caller.abort()
      }),
    )
    await expectCode(client.create(hello, { signal: caller.signal }), 'ERR_ABORTED')
    await expect.poll(() => gateway.connections.open).toBe(0)
  })

  it('the client may be disposed of', async () => {
    const { client, gateway } = await connect()
    gateway.next(
      stuck(bytes, () => {
        client.dispose()
      }),
    )
    await expectCode(client.create(hello), 'ERR_ABORTED')
    await expect.poll(() => gateway.connections.open).toBe(0)
  })

  it('the time limit counts, and another attempt follows where retries allow it', async () => {
    const { client, gateway } = await connect()
    await client.create(hello)
    gateway.next(stuck(bytes))
    await expectCode(client.create(hello, { timeout: 300 }), 'ERR_TIMEOUT')
    gateway.next(stuck(bytes))
    await client.create(hello, { timeout: 1500, maxRetries: 1 })
    expect(gateway.requests).toHaveLength(4)
  })
})

it('an answer that drips is ended by the time limit', async () => {
  const { client, gateway } = await connect()
  await client.create(hello)
  gateway.next({
    name: 'drip',
    appliesTo: 'any',
    answer: async ({ response, normalBody }) => {
      const body = await normalBody()
      response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
      let at = 0
      const drip = setInterval(() => response.write(body.subarray(at, ++at)), 20)
      response.on('close', () => {
        clearInterval(drip)
      })
    },
  })
  await expectCode(client.create(hello, { timeout: 400 }), 'ERR_TIMEOUT')
})

it('an answer without end is ended by its limit', async () => {
  const { client, gateway } = await connect()
  gateway.next({
    name: 'endless',
    appliesTo: 'any',
    answer: ({ response }) => {
      response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', more)
      more()
    },
  })
  expect(await failureOf(client.create(hello))).toMatchObject({ name: 'SecurityError' })
  await expect.poll(() => gateway.connections.open).toBe(0)
})

it.each(['wire', 'seal', 'send'] as const)('a caller may abort in the step %s', async (step) => {
  const caller = new AbortController()
  const { client, gateway } = await connect({
    onStep: ({ name }) => {
      if (name === 'wire' && step === 'seal') caller.abort()
      if (name === 'seal' && step === 'send') caller.abort()
    },
  })
  if (step === 'wire') {
    gateway.statementFetch({
      name: 'abort',
      appliesTo: 'any',
      answer: () => {
        caller.abort()
      },
    })
  }
  await expectCode(client.create(hello, { signal: caller.signal }), 'ERR_ABORTED')
  expect(gateway.requests).toEqual([])
})

describe('the bytes of a request', () => {
  it.each([
    ['an answer', undefined],
    ['a refusal', faults.sealedStatus(401)],
    ['an answer that was cut off', faults.withoutEnd()],
  ])('are zeroed after %s', async (_what, fault) => {
    const gateway = await newGateway()
    if (fault !== undefined) gateway.next(fault)
    const config = readConfig({
      baseUrl: gateway.url,
      allowHttp: true,
      maxRetries: 0,
      logger: { warn: () => undefined },
    })
    const session = new Session(config, true)
    const request = splitRequest(hello, 'padme')
    const copy = request.payload.slice()
    await session.complete(request, {}).catch(() => undefined)
    session.dispose()
    expect(copy.some((byte) => byte !== 0)).toBe(true)
    expect(request.payload.every((byte) => byte === 0)).toBe(true)
  })
})
