import { createLog, type Log, type LogOptions } from '@nomyo-internal/http-server'

export type { Log }

/** Creates the log of a proxy: names, numbers and codes; never bodies, keys or tokens. */
export const createProxyLog = (options: Pick<LogOptions, 'level' | 'format' | 'stream'>): Log =>
  createLog({ ...options, name: 'nomyo-proxy' })
