import { faults } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import { APIError } from '../../src/index.js'
import { connect, contentOf, failureOf, hello, newGateway } from './support.js'

const codes = [301, 302, 303, 307, 308] as const
const places = ['elsewhere', 'here'] as const
const cases = codes.flatMap((code) => places.map((place) => [code, place] as const))

describe('a redirect', () => {
  const expectNotFollowed = async (
    code: (typeof codes)[number],
    place: (typeof places)[number],
    path: '/v1/chat/secure_completion' | '/pki/public_key',
  ): Promise<void> => {
    const trap = await newGateway()
    const { gateway, client } = await connect({ apiKey: 'k', maxRetries: 2 })
    const isKeyFetch = path === '/pki/public_key'
    const fault = faults.redirect(`${place === 'here' ? gateway.url : trap.url}${path}`, code)
    if (isKeyFetch) gateway.keyFetch(fault)
    else gateway.always(fault)
    const error = await failureOf(client.create(hello))
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ code: 'ERR_UNEXPECTED_STATUS', statusCode: code })
    expect(gateway.keyFetches).toHaveLength(1)
    expect(gateway.requests).toHaveLength(isKeyFetch ? 0 : 1)
    expect(trap.connections.accepted).toBe(0)
  }

  it.each(cases)('with %i to %s is not followed by a request', (code, place) =>
    expectNotFollowed(code, place, '/v1/chat/secure_completion'),
  )

  it.each(cases)('with %i to %s is not followed by a key fetch', (code, place) =>
    expectNotFollowed(code, place, '/pki/public_key'),
  )
})

describe('another way to lead elsewhere', () => {
  it('is not a base_url in a request', async () => {
    const trap = await newGateway()
    const { gateway, client } = await connect({ apiKey: 'k' })
    expect(
      contentOf(await client.create<{ base_url: string }>({ ...hello, base_url: trap.url })),
    ).toBe('Hello!')
    expect(gateway.requests[0]?.request).toEqual(hello)
    expect(trap.connections.accepted).toBe(0)
  })

  it('is not a header of an answer', async () => {
    const trap = await newGateway()
    const { gateway, client } = await connect()
    gateway.next({
      name: 'leading',
      appliesTo: 'any',
      answer: async ({ response, normalBody }) => {
        response.setHeader('alt-svc', `http/1.1="${trap.url.replace('http://', '')}"; ma=3600`)
        response.setHeader('refresh', `0; url=${trap.url}`)
        response.setHeader('link', `<${trap.url}>; rel=preload`)
        response.setHeader('location', trap.url)
        response.end(await normalBody())
      },
    })
    await client.create(hello)
    await client.create(hello)
    expect(gateway.requests).toHaveLength(2)
    expect(trap.connections.accepted).toBe(0)
  })

  it('is not a cookie, which is not kept', async () => {
    const { gateway, client } = await connect()
    gateway.next({
      name: 'cookie',
      appliesTo: 'any',
      answer: async ({ response, normalBody }) => {
        response.setHeader('set-cookie', 'who=you; Path=/')
        response.end(await normalBody())
      },
    })
    await client.create(hello)
    await client.create(hello)
    expect(gateway.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined])
  })
})
