import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { createServer, request } from 'node:http'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { importPublicKey, sealEnvelope } from '@nomyo/crypto'
import { ENVELOPES, SHAPES } from './shapes.mjs'

/**
 * A process beside the test that is the model server and the caller with the worst requests, so that the
 * test measures the gateway and not itself. Takes one task at a time from its parent.
 */
const ANSWER = (content) =>
  `{"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"${content}"}}]}`

let held = []
let holds = false
let answer = ANSWER('Hi')
const model = createServer((incoming, response) => {
  incoming.resume().on('end', () => {
    if (incoming.method === 'GET') response.end('{"data":[{"id":"m"}]}')
    else if (holds) held.push(response)
    else response.end(answer)
  })
}).listen(0, '127.0.0.1')
await once(model, 'listening')

let server
let replyKey = ''
const agentOptions = { method: 'POST', agent: false }

const plaintexts = new Map()
const encrypt = (shape) => {
  const plaintext = plaintexts.get(shape) ?? Buffer.from(SHAPES[shape]())
  plaintexts.set(shape, plaintext)
  return sealEnvelope(plaintext, server.key)
}

/** Sends one request; resolves with its status, or the code of a broken connection. */
function send(key, body) {
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': body.length,
    'x-payload-id': randomUUID(),
    'x-public-key': replyKey,
    authorization: `Bearer ${key}`,
  }
  return new Promise((resolve) => {
    const outgoing = request(server.url, { ...agentOptions, headers }, (response) => {
      response.resume().once('close', () => resolve(response.statusCode))
    })
    outgoing.once('error', ({ code }) => resolve(code))
    outgoing.end(body)
  })
}

const count = (results) => {
  const counts = {}
  for (const result of results) counts[result] = (counts[result] ?? 0) + 1
  return counts
}

const TASKS = {
  connect: async ({ url, publicKey, header }) => {
    server = { url, key: await importPublicKey(publicKey) }
    replyKey = header
  },
  /** Sends one request after another. */
  one: async ({ key, shape, times }) => {
    const results = []
    for (let sent = 0; sent < times; sent++) {
      const body = shape in ENVELOPES ? Buffer.from(ENVELOPES[shape]()) : await encrypt(shape)
      results.push(await send(key, body))
    }
    return count(results)
  },
  /** Sends requests of every shape in turn at this rate, without waiting for answers. */
  rate: async ({ key, perSecond, seconds }) => {
    const shapes = Object.keys(SHAPES)
    const results = []
    const startedAt = performance.now()
    for (let sent = 0; performance.now() - startedAt < seconds * 1000; sent++) {
      const shape = shapes[sent % shapes.length]
      results.push(encrypt(shape).then((body) => send(key, body)))
      await setTimeout(startedAt + ((sent + 1) * 1000) / perSecond - performance.now())
    }
    return count(await Promise.all(results))
  },
  /** Sends requests of several callers at once while the model answers nothing, then answers all with this much. */
  flood: async ({ keys, shape, each, answerBytes }) => {
    holds = true
    answer = ANSWER('x'.repeat(answerBytes))
    const bodies = []
    for (const key of keys) {
      for (let made = 0; made < each; made++) bodies.push([key, await encrypt(shape)])
    }
    let settled = 0
    const done = Promise.all(
      bodies.splice(0).map(([key, body]) => send(key, body).finally(() => settled++)),
    )
    while (settled + held.length < keys.length * each) await setTimeout(50)
    const reached = held.length
    holds = false
    for (const response of held.splice(0)) response.end(answer)
    const statuses = count(await done)
    answer = ANSWER('Hi')
    return { reached, statuses }
  },
}

process.on('message', async ({ id, task, options }) => {
  process.send({ id, result: await TASKS[task](options) })
})
process.send({
  model: `http://127.0.0.1:${model.address().port}/v1`,
  shapes: Object.keys(SHAPES),
  envelopes: Object.keys(ENVELOPES),
})
