import { printableJson } from '@nomyo-internal/diagnostics'
import { disconnectSignal } from '@nomyo-internal/http-server'
import { AttestationError } from '@nomyo/attest'
import { APIConnectionError, APIError, SecurityError, type WireInfo } from '@nomyo/client'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import type { ProxyConfig } from '../config/config.js'
import type { ReportedFailure } from '../report/facts.js'
import { PAGE_HEADERS, reportPage } from '../report/page.js'
import { createReport } from '../report/report.js'
import type { Upstream } from '../upstream/upstream.js'

/**
 * `GET /nomyo/report`: what was verified about the gateway, as JSON, or as a page for browsers. Makes the
 * checks again where they are due; 503 where one fails.
 */
export function reportRoute(
  server: FastifyInstance,
  requireToken: onRequestHookHandler,
  upstream: Upstream,
  config: ProxyConfig,
): void {
  server.get('/nomyo/report', { onRequest: requireToken }, async (request, reply) => {
    const outcome = await check(upstream, disconnectSignal(reply.raw))
    const report = createReport({ config, trust: upstream.trust, outcome, now: new Date() })
    void reply
      .code(report.status === 'ok' ? 200 : 503)
      .headers({ 'cache-control': 'no-store', vary: 'accept' })
    return prefersPage(request.headers.accept)
      ? reply.headers(PAGE_HEADERS).send(reportPage(report))
      : reply.type('application/json; charset=utf-8').send(`${printableJson(report)}\n`)
  })
}

async function check(upstream: Upstream, signal: AbortSignal): Promise<WireInfo | ReportedFailure> {
  try {
    return await upstream.check(signal)
  } catch (error) {
    if (
      error instanceof SecurityError ||
      error instanceof AttestationError ||
      error instanceof APIError ||
      error instanceof APIConnectionError
    ) {
      return { code: error.code, message: error.message }
    }
    throw error
  }
}

/** Browsers name HTML first; programs name nothing, anything or JSON. */
const prefersPage = (accept = ''): boolean => {
  const page = accept.indexOf('text/html')
  const json = accept.indexOf('application/json')
  return page !== -1 && (json === -1 || page < json)
}
