import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  API_KEY,
  ask,
  complete,
  completion,
  useGateway,
  useModelServer,
  useProxy,
} from './support.js'

/** Each to be told from all others. */
const secret = Object.fromEntries(
  ['prompt', 'answer', 'tool', 'token', 'wrong token', 'header', 'query', 'body'].map((what) => [
    what,
    `canary-${randomBytes(12).toString('hex')}`,
  ]),
) as Record<string, string>

const model = useModelServer()
const gateway = useGateway(() => ['--upstream', model.url])
const wire = useTap(gateway)
const proxy = useProxy(() => wire.url, ['--log-level', 'debug'], {
  NOMYO_PROXY_TOKEN: secret['token'],
  NOMYO_API_KEY: API_KEY,
  NODE_ENV: 'development',
  DEBUG: '*',
  NODE_DEBUG: 'http,net',
})

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

describe('what a caller sends and gets', () => {
  it('is nowhere but in its answer: not in lines, not in files, not on the wire to the gateway', async () => {
    model.answer = (response) => response.end(completion({ content: secret['answer'] }))
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
    model.answer = (response) => response.writeHead(500).end(secret['answer'])
    const failed = await complete(proxy, request(false), own)
    expect(failed.status).toBeGreaterThanOrEqual(400)
    expect(found(failed.body)).toEqual([])
    for (const path of ['/v1/models', '/health', `/${secret['query']}`, '/v1/models?a=']) {
      await ask(`${proxy.url}${path}?${secret['query']}`, { headers: own })
    }

    const { stdout, stderr } = await proxy.run.stop()
    expect(stderr).toContain('/v1/chat/completions 200')
    expect(stderr).not.toContain(API_KEY)
    expect(found(stdout + stderr)).toEqual([])
    const files = filesIn(proxy.folder)
    expect(files.map(({ path }) => path)).toEqual([join('.nomyo', 'known_servers')])
    expect(found(files.map(({ text }) => text).join())).toEqual([])

    expect(wire.toGateway).toContain('POST /v1/chat/secure_completion')
    expect(wire.toGateway).toContain('GET /v1/models')
    expect(found(wire.toGateway + wire.toProxy)).toEqual([])
    const lines = wire.toGateway.split('\r\n').filter((line) => line.includes(API_KEY))
    expect(new Set(lines.map((line) => line.toLowerCase()))).toEqual(
      new Set([`authorization: bearer ${API_KEY}`]),
    )
    expect(wire.toProxy).not.toContain(API_KEY)
  })

  it('would be found in every form it could have', () => {
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

/** The secrets in a text, also in hex, and in base64 at each of the three places they can begin at. */
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

/** Stands on the wire between proxy and gateway, and keeps everything that goes by. */
function useTap(gateway: () => string): { url: string; toGateway: string; toProxy: string } {
  const tap = { url: '', toGateway: '', toProxy: '' }
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(new URL(gateway()).port), '127.0.0.1')
    for (const [from, to, name] of [
      [near, far, 'toGateway'],
      [far, near, 'toProxy'],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => to.destroy())
      from.on('data', (bytes: Buffer) => {
        tap[name] += bytes.toString('latin1')
        to.write(bytes)
      })
    }
  })
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    tap.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return tap
}
