import { createHash } from 'node:crypto'
import { attestationPolicy, pinnedAk, statementExtraData } from '@nomyo/attest'
import { expectCode } from '@nomyo-internal/testing'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { parseKeyStatement } from '@nomyo/crypto/wire-2'
import { startDeadline } from '@nomyo/transport'
import { describe, expect, it } from 'vitest'
import { ContentQueue } from '../../src/fetch/content-queue.js'
import { newClient, drain, hello, post, startSealedServer, type Exchange } from './support.js'

const KEY = forgeKey()
const OTHER = forgeKey()
const policy = attestationPolicy({
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  trust: [pinnedAk(Buffer.from(forgedName(KEY), 'hex'))],
})
const CHAT = '/v1/chat/completions'
const EMBEDDINGS = '/v1/embeddings'

/** The evidence of the machine for an exchange, or that of another machine. */
const metadata = ({ fields }: Exchange, key = KEY): object => ({
  tpm_attestation: forgeQuote(createHash('sha256').update(fields['idempotency-key']!).digest(), {
    key,
  }),
})

interface Setting {
  readonly when: 'before-send' | 'after-response'
  readonly metadata: (exchange: Exchange) => object
}

/** Starts a gateway whose machine attests its statement, and answers of every type, and a client of it. */
async function connectAttested({ when, metadata }: Setting) {
  const server = await startSealedServer(async (exchange) => {
    const _metadata = metadata(exchange)
    if (exchange.route.endsWith('embeddings')) {
      await exchange.whole(200, { data: [], _metadata })
      return
    }
    const stream = await exchange.begin(
      exchange.route.endsWith('speech') ? 'audio/mpeg' : undefined,
    )
    await stream.send(': filler\n\n')
    await stream.send(`data: ${JSON.stringify({ choices: [], _metadata })}\n\ndata: {"n":1}\n\n`)
    await stream.end()
  })
  server.answers['GET /pki/attestation'] = async (response, _body, url) => {
    const document = await server.document()
    const { bytes: statement } = await parseKeyStatement(document, { now: Date.now() / 1000 })
    const nonce = Buffer.from(url.searchParams.get('nonce') ?? '', 'base64url')
    const members = JSON.parse(Buffer.from(document).toString()) as object
    const quote = forgeQuote(await statementExtraData({ nonce, statement }), { key: KEY })
    response.end(JSON.stringify({ ...members, tpm_attestation: quote }))
  }
  return { server, client: newClient(server, { attestation: { policy, when } }) }
}

const streamed = post({ ...hello, stream: true })
const embed = post({ model: 'm', input: 'x' })

describe.each(['before-send', 'after-response'] as const)('with a policy, %s', (when) => {
  it('the evidence in a stream and in JSON is appraised, and nothing of them is lost', async () => {
    const { client } = await connectAttested({ when, metadata })
    const { text, error } = await drain(await client.fetch(CHAT, streamed))
    expect(error).toBeUndefined()
    expect(text).toMatch(/^: filler\n\ndata: .*_metadata.*\n\ndata: \{"n":1\}\n\n$/)
    const response = await client.fetch(EMBEDDINGS, embed)
    expect(await response.json()).toMatchObject({ data: [] })
  })

  it.each<[string, Setting['metadata']]>([
    ['is missing', () => ({})],
    ['is that of another machine', (exchange) => metadata(exchange, OTHER)],
    [
      'is that of another request',
      () => metadata({ fields: { 'idempotency-key': 'other' } } as unknown as Exchange),
    ],
  ])('nothing is handed out where the evidence %s', async (_what, metadata) => {
    const { client, server } = await connectAttested({ when, metadata })
    await expectCode(client.fetch(CHAT, streamed), 'ERR_ATTESTATION_FAILED')
    await expectCode(client.fetch(EMBEDDINGS, embed), 'ERR_ATTESTATION_FAILED')
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })

  it('sound, which has no evidence, needs that of the statement', async () => {
    const { client } = await connectAttested({ when, metadata })
    const speaking = client.fetch('/v1/audio/speech', post({ model: 'm' }))
    if (when === 'before-send') expect((await speaking).status).toBe(200)
    else await expectCode(speaking, 'ERR_ATTESTATION_FAILED')
  })
})

it('a stream without evidence is closed, and one that breaks off before it is not requested again', async () => {
  const server = await startSealedServer(async ({ begin, response }) => {
    const stream = await begin()
    if (server.requests.length === 1) await stream.send('data: {"choices":[]}\n\n')
    else response.end()
  })
  const client = newClient(server, {
    attestation: { policy, when: 'after-response' },
    maxRetries: 2,
  })
  await expectCode(client.fetch(CHAT, streamed), 'ERR_ATTESTATION_FAILED')
  await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  await expectCode(client.fetch(CHAT, streamed), 'ERR_TRUNCATED')
  expect(server.requests).toHaveLength(2)
})

it('an answer that names another request is refused', async () => {
  const { client } = await connectAttested({
    when: 'after-response',
    metadata: (exchange) => ({ ...metadata(exchange), payload_id: 'other' }),
  })
  await expectCode(client.fetch(CHAT, streamed), 'ERR_REPLY_MISMATCH')
  await expectCode(client.fetch(EMBEDDINGS, embed), 'ERR_REPLY_MISMATCH')
})

it('JSON in chunks of a byte is held in one buffer until its evidence is appraised', async () => {
  const { closed, content, length } = manyParts(300_000)
  await content.peek(() => false)
  await closed
  expect(await content.next()).toHaveLength(length)
  expect(await content.next()).toBeUndefined()
})

/** Content that arrives byte by byte. */
function manyParts(length: number) {
  const deadline = startDeadline(undefined)
  const content = new ContentQueue(
    {
      isSealed: true,
      status: 200,
      header: () => undefined,
      read: async (take) => {
        for (let n = 0; n < length; n++) await take(Uint8Array.of(0x20))
      },
    },
    {
      deadline,
      stop: deadline.signal,
      signal: undefined,
      id: 'id',
      idleMs: 60_000,
      maxBytes: 2 ** 24,
    },
  )
  return { content, closed: content.closed, length }
}
