import { onResponseClosed } from '@nomyo-internal/http-server'
import type { FastifyInstance } from 'fastify'
import type { Attestor } from '../attestation/attestor.js'
import type { Engine } from '../upstreams/engine.js'
import type { Metrics } from './metrics.js'

/** Wraps an engine to measure its time. */
export function instrumentEngine(engine: Engine, metrics: Metrics): Engine {
  metrics.watchUpstreams(() => engine.upstreams?.() ?? [])
  return {
    name: engine.name,
    complete: (request, signal, tier) =>
      metrics.time('engine', () => engine.complete(request, signal, tier)),
    models: () => engine.models(),
    start: (log) => engine.start?.(log),
    close: () => engine.close(),
  }
}

/** Wraps an attestor to measure its time and count its failures. */
export function instrumentAttestor(attestor: Attestor, metrics: Metrics): Attestor {
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
        if (!quoted) metrics.countAttestationFailure()
      }
    },
  }
}

/** Counts every request. Must come before hooks that may refuse one. */
export function instrumentRequests(server: FastifyInstance, metrics: Metrics): void {
  server.addHook('onRequest', (request, { raw }, done) => {
    metrics.requestStarted()
    // Not `onResponse`: a caller that disconnects causes none.
    onResponseClosed(raw, () => {
      metrics.requestEnded(
        request.routeOptions.url,
        raw.writableFinished ? raw.statusCode : undefined,
      )
    })
    done()
  })
}
