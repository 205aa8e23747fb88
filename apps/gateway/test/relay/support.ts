import { Writable } from 'node:stream'
import { createLog } from '@nomyo-internal/http-server'
import { stopAfterTest } from '@nomyo-internal/testing'
import type { RelayConfig } from '../../src/relay/config.js'
import { createRelay } from '../../src/relay/relay.js'

/** Starts a relay in this process for the time of one test, without a limit of rates. */
export async function testRelay(gateway: string, settings: Partial<RelayConfig> = {}) {
  let log = ''
  const stream = new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      log += line
      done()
    },
  })
  const relay = await createRelay(
    {
      gateway,
      host: '127.0.0.1',
      port: 0,
      trustedProxies: [],
      corsOrigins: [],
      maxRequests: 16,
      maxRequestsPerAddress: 16,
      maxBodyBytes: 1024 * 1024,
      requestTimeoutMs: 20_000,
      idleTimeoutMs: 20_000,
      totalTimeoutMs: 60_000,
      drainTimeoutMs: 5000,
      ...settings,
    },
    createLog({ name: 'test', level: 'info', format: 'json', stream }),
  )
  return stopAfterTest({ ...relay, log: () => log, stop: () => relay.close() })
}
