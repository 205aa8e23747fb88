import { importPrivateKey } from '@nomyo/crypto'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { startFaultServer, unusedUrl } from './local-servers.js'
import type { Loopback } from './suites/loopback.js'

/** Starts the servers of the suites: the built gateway as a process, and a faulty server. */
export async function startLoopback(
  pageOrigin: string,
): Promise<{ loopback: Loopback; stop: () => Promise<void> }> {
  const [server, other] = await Promise.all([
    importPrivateKey(keyPem('keys/server.private.pem')),
    importPrivateKey(keyPem('keys/other.private.pem')),
  ])
  const apiKey = 'key-of-the-suite'
  const [gateway, faults] = await Promise.all([
    startGatewayProcess({
      args: ['--engine', 'demo', '--log-level', 'warn', '--cors-origin', pageOrigin],
      env: { NOMYO_API_KEY: apiKey },
    }),
    startFaultServer(),
  ])
  return {
    loopback: {
      gateway: gateway.url,
      apiKey,
      pin: server.publicKey.fingerprint,
      otherPin: other.publicKey.fingerprint,
      faults: faults.url,
      nowhere: await unusedUrl(),
    },
    stop: async () => {
      faults.close()
      await gateway.stop()
    },
  }
}
