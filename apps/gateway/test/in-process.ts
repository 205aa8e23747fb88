import type { AddressInfo } from 'node:net'
import { KeyRing } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'
import { Admission } from '../src/admission.js'
import { noAttestor } from '../src/attestor/attestor.js'
import { createAuthenticate, type Authenticate } from '../src/authenticate.js'
import type { CompletionContext } from '../src/handle-completion.js'
import { Metrics } from '../src/metrics/metrics.js'
import { RateLimiter } from '../src/rate-limit/rate-limiter.js'
import { LocalReplayMemory } from '../src/replay/local-replay-memory.js'
import { ReplyKeys } from '../src/reply-keys.js'
import { createServer } from '../src/server.js'
import { serverKeys } from './support.js'

/** What a test is about; everything else lets every request through. */
export type Parts = Pick<CompletionContext, 'engine'> &
  Partial<Pick<CompletionContext, 'attestor' | 'policy'>> & { readonly authenticate?: Authenticate }

/** The server of a gateway in this process, on loopback: for parts that no configuration can give. */
export async function listenInProcess({
  engine,
  attestor = noAttestor,
  policy,
  authenticate = createAuthenticate(() => undefined),
}: Parts): Promise<{ server: FastifyInstance; url: string }> {
  const metrics = new Metrics()
  const server = createServer({
    context: {
      serverKeys: new KeyRing(serverKeys),
      replyKeys: new ReplyKeys(),
      engine,
      attestor,
      policy,
      replayMemory: new LocalReplayMemory({ windowMs: 60_000 }),
      maxBodyBytes: 1024 * 1024,
      metrics,
      admission: new Admission({}, metrics),
    },
    authenticate,
    rateLimiter: new RateLimiter({ limit: undefined }),
    corsOrigins: [],
    unready: () => undefined,
    logLevel: 'silent',
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return { server, url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}` }
}
