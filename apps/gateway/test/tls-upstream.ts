import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { listenOnLoopback, type Certificate } from '@nomyo-internal/testing'

/** A model server behind TLS on loopback, which counts the completions it received. */
export interface TlsUpstream {
  readonly port: number
  readonly completions: () => number
  stop(): void
}

export async function startTlsUpstream(
  files: Certificate,
  answer: (response: ServerResponse) => void = (response) =>
    response.end('{"data":[],"choices":[{}]}'),
): Promise<TlsUpstream> {
  let completions = 0
  const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)])
  const server = createServer({ cert, key }, (request, response) => {
    if (request.url === '/v1/chat/completions') completions++
    request.resume().on('end', () => answer(response))
  })
  return {
    port: await listenOnLoopback(server),
    completions: () => completions,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
