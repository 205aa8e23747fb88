import { errorFacts } from '@nomyo-internal/diagnostics'
import { createLog, type Log, type LogOptions } from '@nomyo-internal/http-server'
import { HttpError } from '../http-error.js'

/**
 * Creates the log of a gateway. Requests, replies and errors are reduced to facts that can contain
 * neither headers nor bodies, also in lines of the framework itself.
 */
export const createGatewayLog = (options: Pick<LogOptions, 'level' | 'format' | 'stream'>): Log =>
  createLog({ ...options, name: 'nomyo-gateway', serializers: SERIALIZERS })

/** Reduce what the framework passes to the log. */
export const SERIALIZERS = {
  req: (request: object) => ({ method: 'method' in request ? request.method : undefined }),
  res: () => ({}),
  err: (error: unknown) => {
    const { type, code = '', stack } = errorFacts(error)
    // The text of an HttpError is fixed and public; any other may quote plaintext.
    return { type, message: error instanceof HttpError ? error.message : code, stack }
  },
}
