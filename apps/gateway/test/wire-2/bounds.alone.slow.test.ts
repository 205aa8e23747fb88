import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { completionOf, temporaryFolder } from '@nomyo-internal/testing'
import { GATEWAY_MAIN } from '@nomyo-internal/testing/gateway-process'
import { expect, it } from 'vitest'
import { chat, testGatewayProcess, testModelServer } from '../support.js'
import { joinBody, sealInChunks } from './bodies.js'
import { hybridKem, keyConfigOf, messageOf, openInner, postSealed } from './client.js'

/** The limit that the documents state. */
const PIECE_MS = 50
const MIB = 1024 * 1024
/** One message is sent twice at the same time. */
const ANONYMOUS = { 'idempotency-key': undefined }

/** Lengths of the chunks of a message before its final one. */
const lengthsOf = (message: Uint8Array, first: number, length: number): number[] => [
  first,
  ...Array.from({ length: Math.floor((message.length - first - 1) / length) }, () => length),
]

/** A message of indeterminate length with one byte in each piece of content. */
function inPieces(count: number): Uint8Array {
  const text = (value: string) => Buffer.from([value.length, ...Buffer.from(value)])
  return Buffer.concat([
    Buffer.from([2]),
    ...['POST', 'https', '', '/v1/chat/completions'].map(text),
    ...['date', new Date().toUTCString()].map(text),
    Buffer.alloc(1),
    Buffer.alloc(2 * count, Buffer.from([1, 0x20])),
    Buffer.alloc(1),
  ])
}

const BOUNDARY = 'b'.repeat(70)

/** A form whose file is almost only boundaries. */
function form(): Uint8Array {
  const head = (name: string): string =>
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name=${name}\r\n\r\n`
  const content = Buffer.concat([
    Buffer.from(`${head('"model"')}m\r\n${head('"file"; filename="a"')}`),
    Buffer.alloc(9 * MIB, `\r\n--${'b'.repeat(69)}c`),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ])
  const fields = { ...ANONYMOUS, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
  return messageOf({ path: '/v1/audio/transcriptions', fields, content })
}

/** A request with as many items as are accepted, of which each could refer to something. */
function items(path: string, item: string, count: number): Uint8Array {
  const list = Array.from({ length: count }, () => item).join()
  const content = Buffer.from(`{"model":"m","input":[${list}]}`)
  return messageOf({ path, fields: ANONYMOUS, content })
}

it('the worst requests of wire 2 leave the event loop to others', async () => {
  const answer = completionOf({ content: 'y'.repeat(9 * MIB) })
  const upstream = await testModelServer((response) => void response.end(answer))
  const probe = join(temporaryFolder(), 'pieces')
  writeFileSync(probe, '')
  const main = join(import.meta.dirname, '../load/event-loop-probe.mjs')
  const gateway = await testGatewayProcess({
    command: [process.execPath, '--import', main, GATEWAY_MAIN],
    args: ['--upstream', upstream.url],
    env: { NOMYO_TEST_PROBE: probe },
  })
  const config = await keyConfigOf(gateway)
  const large = messageOf({ fields: ANONYMOUS, content: chat('x'.repeat(9 * MIB)) })
  const small = messageOf({ fields: ANONYMOUS, content: chat('x'.repeat(50_000)) })
  const nested = messageOf({ fields: ANONYMOUS, content: Buffer.alloc(9 * MIB, '[') })
  const pieces = inPieces(65_000)
  const requests: [string, Uint8Array, number[], number][] = [
    ['as large as they may be', large, lengthsOf(large, 16_384, 131_072), 200],
    ['in small chunks', large, lengthsOf(large, 16_384, 16_384), 200],
    ['in chunks of one byte', small, lengthsOf(small, 400, 1), 200],
    ['in pieces of one byte', pieces, lengthsOf(pieces, 16_384, 131_072), 400],
    ['that are no JSON', nested, lengthsOf(nested, 400, 131_072), 400],
  ]
  const more: [string, Uint8Array][] = [
    ['with a form', form()],
    ['with items', items('/v1/responses', '{"\\u0074ype":"\\u0069tem"}', 80_000)],
    ['with pictures', items('/v1/embeddings', '{"\\u0069mage":"data:x"}', 80_000)],
  ]
  for (const [name, message] of more) {
    // The model server answers with a completion.
    requests.push([name, message, lengthsOf(message, 16_384, 131_072), 502])
  }
  // A start loads modules.
  await postSealed(gateway, joinBody(await sealInChunks(hybridKem, config, messageOf(), [])))
  writeFileSync(probe, '')
  for (const [name, message, lengths, status] of requests) {
    await Promise.all(
      [1, 2].map(async () => {
        const parts = await sealInChunks(hybridKem, config, message, lengths)
        const response = await postSealed(gateway, joinBody(parts))
        expect((await openInner(response, parts.openAnswer())).status, name).toBe(status)
      }),
    )
    const work = readFileSync(probe, 'utf8')
      .split('\n')
      .map((line) => Math.min(...line.split(' ').map(Number)))
    expect(Math.max(...work), name).toBeLessThan(PIECE_MS)
  }
})
