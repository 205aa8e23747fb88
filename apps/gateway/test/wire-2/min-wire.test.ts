import { parseKeyStatement } from '@nomyo/crypto/wire-2'
import { describe, expect, it } from 'vitest'
import { fileGateway, get, refusalOf, send, testGateway } from '../support.js'

const statementOf = async (gateway: { readonly url: string }) =>
  parseKeyStatement((await get(gateway, '/pki/wire2')).bytes, { now: Date.now() / 1000 })

describe('--min-wire 2', async () => {
  const args = ['--engine', 'demo', '--min-wire', '2', '--api-key', 'a-key-that-is-long']
  const gateway = await fileGateway({ args })

  it('refuses requests of wire 1 with one text, with and without an API key', async () => {
    const details = new Set<string>()
    for (const authorization of ['Bearer a-key-that-is-long', undefined]) {
      const answer = await send(gateway, undefined, { authorization })
      expect(answer.headers.get('upgrade')).toBe('nomyo-wire2/1')
      details.add(refusalOf(answer, 426))
    }
    expect(details.size).toBe(1)
    expect(gateway.log()).toContain('"outcome":"wire_refused"')
  })

  it('is stated in the key statement', async () => {
    expect(await statementOf(gateway)).toMatchObject({ minWire: '2' })
  })

  it('keeps the RSA key available, which vouches for the statement', async () => {
    expect((await get(gateway, '/pki/public_key')).status).toBe(200)
  })
})

describe('without wire 2', () => {
  it('none of its routes exists', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--request-keys', 'off'] })
    for (const path of ['/pki/wire2', '/.well-known/ohttp-gateway', '/pki/wire2/vouch']) {
      const headers = { accept: 'application/ohttp-keys' }
      refusalOf(await get(gateway, path, { headers }), 404)
    }
    expect(gateway.identity).toBeUndefined()
    expect((await send(gateway)).status).toBe(200)
  })
})

describe('--request-key-classic', () => {
  it('lists an X25519 key after the post-quantum one', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--request-key-classic'] })
    const { keys } = await statementOf(gateway)
    expect(keys.map(({ kemId }) => kemId)).toEqual([0x647a, 0x20])
  })
})
