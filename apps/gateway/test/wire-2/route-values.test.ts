import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  COMPLETIONS_ROUTE,
  EMBEDDINGS_ROUTE,
  IMAGES_ROUTE,
  RERANK_ROUTE,
  RESPONSES_ROUTE,
  SPEECH_ROUTE,
} from '../../src/access/policy/route-members.js'
import { stream } from '../streams/stream-client.js'
import { fileGateway } from '../support.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 15)

const gateway = await fileGateway({
  config: { requests: { remoteMedia: 'refuse', maxTokens: 1000 } },
})

const ROUTES = {
  '/v1/completions': COMPLETIONS_ROUTE,
  '/v1/embeddings': EMBEDDINGS_ROUTE,
  '/v1/images/generations': IMAGES_ROUTE,
  '/v1/rerank': RERANK_ROUTE,
  '/v1/responses': RESPONSES_ROUTE,
  '/v1/audio/speech': SPEECH_ROUTE,
}

/** Members of a route with values of any kind. */
const requestOf = (names: readonly string[]) =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom(...names),
        fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(true, 1)),
      ),
      { maxLength: 8 },
    )
    .map((members) => ({ ...Object.fromEntries(members), model: 'nomyo/echo' }))

describe.each(Object.entries(ROUTES))('POST %s', (path, { known }) => {
  it('answers or refuses values of any kind, and never fails', async () => {
    await fc.assert(
      fc.asyncProperty(requestOf([...known]), async (content) => {
        const received = await stream(gateway, { path, content })
        expect(await received.ended).toBe(true)
        expect([200, 400]).toContain(received.status)
      }),
      { numRuns: INPUTS },
    )
  })
})
