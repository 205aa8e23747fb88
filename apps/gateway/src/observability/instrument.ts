import type { FastifyInstance } from 'fastify'
import type { Attestor } from '../attestation/attestor.js'
import type { Engine } from '../upstreams/engine.js'
import { whenOver } from '../http/on-response-closed.js'
import type { Metrics } from './metrics.js'

/** An engine whose time is taken. */
export function measuredEngine(engine: Engine, metrics: Metrics): Engine {
  metrics.watchUpstreams(() => engine.upstreams?.() ?? [])
  return {
    name: engine.name,
    complete: (request, caller, tier) =>
      metrics.time('engine', () => engine.complete(request, caller, tier)),
    models: () => engine.models(),
    start: (log) => engine.start?.(log),
    close: () => engine.close(),
  }
}

/** An attestor whose time is taken and whose failures are counted. */
export function measuredAttestor(attestor: Attestor, metrics: Metrics): Attestor {
  if (attestor.kind === 'none') return attestor
  return {
    kind: attestor.kind,
    required: attestor.required,
    get ready() {
      return attestor.ready
    },
    start: (log) => attestor.start(log),
    close: () => attestor.close(),
    attest: async (extraData) => {
      let quoted = false
      try {
        const evidence = await metrics.time('quote', () => attestor.attest(extraData))
        quoted = evidence.is_available
        return evidence
      } finally {
        if (!quoted) metrics.attestationFailed()
      }
    },
  }
}

/** Counts every request, also those refused by later hooks: comes before them. */
export function measureRequests(server: FastifyInstance, metrics: Metrics): void {
  server.addHook('onRequest', (request, { raw }, done) => {
    metrics.requestBegan()
    // Not `onResponse`, which never comes for a caller that has gone.
    whenOver(request.raw, raw, () => {
      metrics.requestEnded(
        request.routeOptions.url,
        raw.writableFinished ? raw.statusCode : undefined,
      )
    })
    done()
  })
}
