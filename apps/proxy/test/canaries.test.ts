import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { completionOf, stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  API_KEY,
  argsFor,
  ask,
  complete,
  startProxyProcess,
  useGateway,
  useModel,
} from './support.js'
import { startWireTap } from './wire-tap.js'

/** Each differs from all others. */
const secret = Object.fromEntries(
  ['prompt', 'answer', 'tool', 'token', 'wrong token', 'header', 'query', 'body'].map((what) => [
    what,
    `canary-${randomBytes(12).toString('hex')}`,
  ]),
) as Record<string, string>

const model = useModel()
const gateway = useGateway(model.engine)

const own = { authorization: `Bearer ${secret['token']}`, 'x-canary': secret['header'] ?? '' }

function request(stream: boolean): string {
  return JSON.stringify({
    model: 'm',
    stream,
    user: secret['prompt'],
    messages: [{ role: 'user', content: secret['prompt'] }],
    tools: [{ type: 'function', function: { name: secret['tool'], parameters: {} } }],
  })
}

describe('content of requests and answers', () => {
  it('is only in the answer: not in logs, files, or on the wire to the gateway', async () => {
    const wire = stopAfterTest(await startWireTap(gateway()))
    const folder = temporaryFolder()
    const args = [...argsFor(wire.url), '--log-level', 'debug']
    const proxy = await startProxyProcess(args, folder, {
      NOMYO_PROXY_TOKEN: secret['token'],
      NOMYO_API_KEY: API_KEY,
      NODE_ENV: 'development',
      DEBUG: '*',
      NODE_DEBUG: 'http,net',
    })
    model.complete = (response) => response.end(completionOf({ content: secret['answer'] }))
    for (const stream of [false, true]) {
      const answer = await complete(proxy, request(stream), own)
      expect(answer.status).toBe(200)
      expect(answer.body).toContain(secret['answer'])
    }
    expect(JSON.stringify(model.requests)).toContain(secret['prompt'])
    const refused: [string, Record<string, string>][] = [
      [request(false), { ...own, authorization: `Bearer ${secret['wrong token']}` }],
      [`{"${secret['body']}`, own],
      [`{"model":"m","messages":["${secret['body']}"],"security_tier":"${secret['body']}"}`, own],
      [request(false), { ...own, 'x-security-tier': secret['body'] ?? '' }],
      [request(false), { ...own, 'content-type': `text/${secret['header']}` }],
      [request(false), { ...own, origin: `https://${secret['header']}` }],
      [request(false), { ...own, host: `${secret['header']}.example` }],
    ]
    for (const [body, headers] of refused) {
      const answer = await complete(proxy, body, headers)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(found(answer.body)).toEqual([])
    }
    model.complete = (response) => response.writeHead(500).end(secret['answer'])
    const failed = await complete(proxy, request(false), own)
    expect(failed.status).toBeGreaterThanOrEqual(400)
    // The words of a model server reach its caller, encrypted up to the proxy.
    expect(found(failed.body)).toEqual(['answer'])
    for (const path of ['/v1/models', '/health', `/${secret['query']}`, '/v1/models?a=']) {
      await ask(`${proxy.url}${path}?${secret['query']}`, { headers: own })
    }

    const { code, stdout, stderr } = await proxy.stop()
    expect(code).toBe(0)
    expect(stderr).toContain('"route":"/v1/chat/completions","status":200')
    expect(stderr).not.toContain(API_KEY)
    expect(found(stdout + stderr)).toEqual([])
    const files = filesIn(folder)
    expect(files.map(({ path }) => path)).toEqual([join('.nomyo', 'known_servers')])
    expect(found(files.map(({ text }) => text).join())).toEqual([])

    expect(wire.recorded.toGateway).toContain('POST /.well-known/ohttp-gateway')
    // The list of models is encrypted too, and the key with it.
    const wire2 = wire.recorded.toGateway + wire.recorded.toProxy
    expect(found(wire2)).toEqual([])
    expect(wire2).not.toContain('/v1/models')
    expect(wire2).not.toContain(API_KEY)
  })

  it('is found in every form', () => {
    for (const value of Object.values(secret)) {
      for (const shift of ['', 'a', 'ab']) {
        const base64 = Buffer.from(`${shift}${value}more`).toString('base64')
        expect(found(base64)).toHaveLength(1)
      }
      expect(found(`x${value}y`)).toHaveLength(1)
      expect(found(Buffer.from(value).toString('hex'))).toHaveLength(1)
    }
  })
})

/** Lists the secrets in a text, also in hex, and in base64 at each of the three offsets. */
function found(text: string): string[] {
  return Object.entries(secret).flatMap(([what, value]) => {
    const base64 = [0, 1, 2].map((shift) =>
      Buffer.from('\0'.repeat(shift) + value)
        .toString('base64')
        .slice(shift === 0 ? 0 : 4, -4),
    )
    const forms = [value, Buffer.from(value).toString('hex'), ...base64]
    return forms.some((form) => text.includes(form)) ? [what] : []
  })
}

function filesIn(folder: string): { path: string; text: string }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'latin1') }))
}
