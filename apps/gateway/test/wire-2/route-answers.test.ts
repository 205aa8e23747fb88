import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { startModelServer, until, type ModelServer } from '@nomyo-internal/testing'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { RouteMemory } from '../../src/upstreams/pool/route-memory.js'
import { metricsUrl } from '../measure.js'
import { stream } from '../streams/stream-client.js'
import { fileGateway, testGateway, testModelServer } from '../support.js'
import { ask, keyConfigOf, openInner, postSealed, sealMessage } from './client.js'

const CANARY = 'canary-of-this-prompt'
const upstream = await startModelServer()
afterAll(() => {
  upstream.stop()
})
const gateway = await fileGateway({
  args: ['--upstream', upstream.url, '--metrics-port', '0', '--log-level', 'debug'],
})

const embed = (to: { readonly url: string } = gateway, members: object = {}) =>
  ask(to, { path: '/v1/embeddings', content: { model: 'm', input: CANARY, ...members } })

const answerWith = (respond: (response: ServerResponse) => void): void => {
  upstream.answer = respond
}

const sendJson = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

describe('an answer of a model server', () => {
  it.each([
    ['compressed', 'application/json', { 'content-encoding': 'gzip' }, gzipSync('{"data":[]}')],
    ['a page', 'text/html', {}, Buffer.from('<html>')],
    ['a picture', 'image/png', {}, Buffer.from('\u0089PNG')],
    ['events', 'text/event-stream', {}, Buffer.from('data: {"data":[]}\n\n')],
  ])('that is %s is none', async (_name, type, headers, body) => {
    answerWith((response) => {
      response.writeHead(200, { 'content-type': type, ...headers }).end(body)
    })
    expect((await embed()).status).toBe(502)
  })

  it('that is cut is none', async () => {
    answerWith((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{"data":[', () => {
        response.socket?.destroySoon()
      })
    })
    expect((await embed()).status).toBe(503)
  })

  it.each(['text/plain', 'application/json; charset=utf-8', ''])(
    'with JSON of the type "%s" is read',
    async (type) => {
      answerWith((response) => {
        if (type !== '') response.setHeader('content-type', type)
        response.end('{"data":[{"embedding":"AAAA"}]}')
      })
      const { status, json } = await embed()
      expect({ status, json }).toMatchObject({
        status: 200,
        json: { data: [{ embedding: 'AAAA' }] },
      })
    },
  )

  it('of 15 MiB fits what clients read, and a larger one is refused', async () => {
    const answer = (bytes: number): void => {
      answerWith((response) => {
        const rest = bytes - '{"data":""}'.length
        response.setHeader('content-type', 'application/json')
        response.end(`{"data":"${'x'.repeat(rest)}"}`)
      })
    }
    answer(15 * 1024 * 1024)
    const content = { model: 'm', input: 'x' }
    const sealed = await sealMessage(await keyConfigOf(gateway), {
      path: '/v1/embeddings',
      content,
    })
    const received = await postSealed(gateway, sealed.body)
    expect(received.bytes.length).toBeLessThan(16 * 1024 * 1024)
    expect((await openInner(received, sealed.openAnswer())).status).toBe(200)
    answer(15 * 1024 * 1024 + 1)
    expect((await embed()).status).toBe(502)
  })

  it('for which there is no memory is refused, also while it arrives', async () => {
    const args = ['--upstream', upstream.url]
    const to = await testGateway({ args, config: { load: { maxBytesInFlight: 3_000_000 } } })
    const answer = (bytes: number): void => {
      answerWith((response) => {
        sendJson(response, { data: 'x'.repeat(bytes) })
      })
    }
    answer(300_000)
    expect((await embed(to)).status).toBe(200)
    answer(1_000_000)
    expect((await embed(to)).status).toBe(503)
    answer(300_000)
    expect((await embed(to)).status).toBe(200)
  })

  it('has a type that is sent on only in a simple form', async () => {
    answerWith((response) => {
      response.writeHead(200, { 'content-type': 'audio/x"y; a="b c"' }).end('sound')
    })
    const content = { model: 'm', input: 'x', voice: 'v' }
    const received = await stream(gateway, { path: '/v1/audio/speech', content })
    await received.ended
    expect(received.fields.get('content-type')).toBe('application/octet-stream')
  })

  it('that is compressed sound is none', async () => {
    answerWith((response) => {
      response.writeHead(200, { 'content-type': 'audio/wav', 'content-encoding': 'gzip' })
      response.end(gzipSync('RIFF'))
    })
    const content = { model: 'm', input: 'x', voice: 'v' }
    const received = await stream(gateway, { path: '/v1/audio/speech', content })
    await received.ended
    expect(received.status).toBe(502)
  })

  it('shows nothing of prompt or answer in logs and metrics', async () => {
    answerWith((response) => {
      sendJson(response, { error: { message: `no: ${CANARY}` } }, 500)
    })
    expect((await embed()).text).toContain(CANARY)
    answerWith((response) => {
      sendJson(response, { data: [CANARY] })
    })
    expect((await embed()).text).toContain(CANARY)
    const metrics = await (await fetch(metricsUrl(gateway))).text()
    expect(gateway.log() + metrics).not.toContain('canary')
  })
})

describe('a caller that disconnects', () => {
  it('ends the sound that a model server makes', async () => {
    const closed = vi.fn()
    answerWith((response) => {
      response.on('close', closed).writeHead(200, { 'content-type': 'audio/wav' }).write('RIFF')
    })
    const content = { model: 'm', input: 'x', voice: 'v' }
    const received = await stream(gateway, { path: '/v1/audio/speech', content })
    await until(() => received.text === 'RIFF')
    received.abort()
    await until(() => closed.mock.calls.length > 0)
  })

  it('ends a request for a whole answer', async () => {
    const closed = vi.fn()
    answerWith((response) => {
      response.on('close', closed)
    })
    const content = { model: 'm', input: 'x' }
    const sealed = await sealMessage(await keyConfigOf(gateway), {
      path: '/v1/embeddings',
      content,
    })
    const abort = new AbortController()
    const asked = fetch(`${gateway.url}/.well-known/ohttp-gateway`, {
      method: 'POST',
      headers: { 'content-type': 'message/ohttp-chunked-req' },
      body: sealed.body as BodyInit,
      signal: abort.signal,
    }).then((response) => response.arrayBuffer())
    const before = upstream.seen.length
    await until(() => upstream.seen.length > before || closed.mock.calls.length > 0)
    abort.abort()
    await expect(asked).rejects.toThrow()
    await until(() => closed.mock.calls.length > 0)
  })
})

describe('a second model server', () => {
  const servers = async (): Promise<{ first: ModelServer; second: ModelServer; url: string }> => {
    const [first, second] = [await testModelServer(), await testModelServer()]
    const { url } = await testGateway({ args: ['--upstream', first.url, '--upstream', second.url] })
    return { first, second, url }
  }
  const posts = ({ seen }: ModelServer) => seen.filter(({ method }) => method === 'POST')

  it('gets a form anew, with another boundary', async () => {
    const { first, second, url } = await servers()
    let fails = true
    for (const server of [first, second]) {
      server.answer = (response, { method }) => {
        if (method !== 'POST') sendJson(response, { data: [] })
        else if (fails) sendJson(response, { error: 'x' }, 503)
        else sendJson(response, { text: 'Hi' })
        fails &&= method !== 'POST'
      }
    }
    const form = new FormData()
    form.append('file', new File(['sound'.repeat(100_000)], 'a.wav'))
    form.append('model', 'm')
    const encoded = new Response(form)
    const content = new Uint8Array(await encoded.arrayBuffer())
    const fields = { 'content-type': encoded.headers.get('content-type') ?? '' }
    const answered = await ask({ url }, { path: '/v1/audio/translations', content, fields })
    expect(answered.status).toBe(200)
    const [one, two] = [...posts(first), ...posts(second)]
    expect(one!.headers['content-type']).not.toBe(two!.headers['content-type'])
    for (const { body, headers } of [one!, two!]) {
      expect(Buffer.byteLength(body)).toBe(Number(headers['content-length']))
      expect(body).toContain('sound'.repeat(100_000))
    }
  })

  it('is asked until the first part of a sound has arrived, and not after it', async () => {
    const { first, second, url } = await servers()
    let count = 0
    for (const server of [first, second]) {
      server.answer = (response, { method }) => {
        if (method !== 'POST') return sendJson(response, { data: [] })
        response.setHeader('content-type', 'audio/wav')
        if (count++ === 0) response.writeHead(200).flushHeaders()
        else response.write('RIFF')
        setTimeout(() => response.destroy(), 50)
      }
    }
    const content = { model: 'm', input: 'x', voice: 'v' }
    const received = await stream({ url }, { path: '/v1/audio/speech', content })
    expect(await received.ended).toBe(false)
    expect(received.text).toBe('RIFF')
    expect(count).toBe(2)
  })
})

describe('evidence', () => {
  it('that a tier requires is required for every endpoint', async () => {
    const { url } = await testGateway({
      config: { policy: { tiers: { standard: { requireAttestation: true } } } },
    })
    expect((await embed({ url })).status).toBe(503)
  })
})

describe('the memory of routes', () => {
  it('lasts a minute, or until the server answers', () => {
    let now = 0
    const memory = new RouteMemory(() => now)
    expect(memory.isMissing('/rerank')).toBe(false)
    memory.recordMissing('/rerank')
    expect([memory.isMissing('/rerank'), memory.isMissing('/embeddings')]).toEqual([true, false])
    now = 59_999
    expect(memory.isMissing('/rerank')).toBe(true)
    now = 60_000
    expect(memory.isMissing('/rerank')).toBe(false)
    memory.recordMissing('/rerank')
    memory.recordAnswer('/rerank')
    expect(memory.isMissing('/rerank')).toBe(false)
  })
})
