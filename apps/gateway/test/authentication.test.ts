import { afterAll, describe, expect, it } from 'vitest'
import {
  chat,
  completionHead,
  contentOf,
  parseRawAnswer,
  post,
  rawExchange,
  refusalOf,
  seal,
  send,
  startGateway,
  testGateway,
  type Answer,
  type TestGateway,
} from './support.js'

const KEYS = ['first-canary-key', 'second-canary-key/+=']

const gateway = await startGateway({
  args: ['--engine', 'demo', '--log-level', 'debug', ...KEYS.flatMap((key) => ['--api-key', key])],
})
afterAll(() => gateway.stop())

const request = await seal()
const ask = async (target: TestGateway, authorization: string | undefined): Promise<Answer> =>
  send(target, chat('Hello!'), { authorization })

describe('with API keys', () => {
  it.each(KEYS)('admits each of them: %s', async (key) => {
    expect(await contentOf(await ask(gateway, `Bearer ${key}`))).toBe('Hello!')
  })

  it.each([
    ['bearer first-canary-key'],
    ['BEARER first-canary-key'],
    ['Bearer    first-canary-key'],
    ['Bearer first-canary-key   '],
  ])('the header may be spelled %j', async (authorization) => {
    expect((await ask(gateway, authorization)).status).toBe(200)
  })

  it.each([
    ['no header', undefined],
    ['an empty header', ''],
    ['no key', 'Bearer'],
    ['a blank key', 'Bearer '],
    ['an unknown key', 'Bearer third-canary-key'],
    ['a key cut short', `Bearer ${KEYS[0]!.slice(0, -1)}`],
    ['a key with more behind it', `Bearer ${KEYS[0]}x`],
    ['a key in capitals', `Bearer ${KEYS[0]!.toUpperCase()}`],
    ['two keys', `Bearer ${KEYS.join(' ')}`],
    ['two keys with a comma', `Bearer ${KEYS.join(',')}`],
    ['the key alone', KEYS[0]],
    ['another scheme', `Basic ${Buffer.from(`user:${KEYS[0]}`).toString('base64')}`],
    ['another scheme with the key', `Token ${KEYS[0]}`],
    ['no blank', `Bearer${KEYS[0]}`],
    ['a tab', `Bearer\t${KEYS[0]}`],
    ['quotes', `Bearer "${KEYS[0]}"`],
    ['letters beyond ASCII', 'Bearer schl\u00fcssel'],
    ['a very long key', `Bearer ${'x'.repeat(8000)}`],
    ['an empty key in a list', 'Bearer ,'],
  ])('refuses others with 401: %s', async (_what, authorization) => {
    refusalOf(await ask(gateway, authorization), 401)
  })

  it('a wrong envelope is no way around', async () => {
    for (const body of ['', '{}', 'garbage']) {
      expect((await post(gateway, body, { authorization: 'Bearer x' })).status).toBe(401)
    }
    const headless = await post(gateway, request, { 'x-payload-id': undefined, authorization: 'x' })
    expect(headless.status).toBe(401)
  })

  it('the 401 comes before the body is read', async () => {
    for (const framing of ['content-length: 1000000', 'transfer-encoding: chunked']) {
      const head = completionHead('authorization: Bearer wrong', framing)
      const text = await rawExchange(gateway.port, head)
      expect(parseRawAnswer(text).status, framing).toBe(401)
    }
  })

  it('the public key and the health need none', async () => {
    expect((await fetch(`${gateway.url}/pki/public_key`)).status).toBe(200)
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
  })

  it('none of them is written anywhere', () => {
    expect(gateway.log()).not.toContain('canary')
    expect(gateway.log()).not.toContain('schl')
  })
})

describe('NOMYO_API_KEY', () => {
  it('holds several keys, separated by commas', async () => {
    const target = await testGateway({
      env: { NOMYO_API_KEY: 'first-of-two-canary,second-of-two-canary' },
    })
    for (const key of ['first-of-two-canary', 'second-of-two-canary']) {
      expect((await ask(target, `Bearer ${key}`)).status).toBe(200)
    }
    for (const key of ['first-of-two-canary,second-of-two-canary', ',', '']) {
      expect((await ask(target, `Bearer ${key}`)).status).toBe(401)
    }
    expect(target.log()).not.toContain('canary')
  })

  it('counts for nothing beside keys of the command line', async () => {
    const target = await testGateway({
      args: ['--engine', 'demo', '--api-key', 'the-key-of-the-flag'],
      env: { NOMYO_API_KEY: 'of-the-environment' },
    })
    expect((await ask(target, 'Bearer the-key-of-the-flag')).status).toBe(200)
    expect((await ask(target, 'Bearer of-the-environment')).status).toBe(401)
  })
})

describe('without API keys', () => {
  it('admits every caller, and warns the operator', async () => {
    const target = await testGateway()
    expect((await ask(target, undefined)).status).toBe(200)
    expect((await ask(target, 'Bearer anything')).status).toBe(200)
    expect(target.log()).toContain('no --api-key')
    expect(gateway.log()).not.toContain('no --api-key')
  })
})
