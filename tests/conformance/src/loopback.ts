import { importPrivateKey } from '@nomyo/crypto'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { startFaultServer, unusedUrl } from './local-servers.js'
import { startMangler } from './mangler.js'

/** The servers that a runtime finds on loopback. */
export interface Loopback {
  /** Base URL of a gateway with the demo engine and no TPM. */
  readonly gateway: string
  readonly apiKey: string
  /** Fingerprint of the gateway's key, and of a key that is not the gateway's. */
  readonly pin: string
  readonly otherPin: string
  /** Base URL of the server whose every path is a fault; see `local-servers.ts`. */
  readonly faults: string
  /** Base URL of a server that changes answers of the gateway under `/{fault}`; see `mangler.ts`. */
  readonly mangler: string
  /** Base URL without a server. */
  readonly nowhere: string
}

/** Starts what the suites send requests to: the built gateway in a process of its own, and a faulty server. */
export async function startLoopback(
  pageOrigin: string,
): Promise<{ loopback: Loopback; stop: () => Promise<void> }> {
  const [server, other] = await Promise.all(
    ['server', 'other'].map((name) => importPrivateKey(keyPem(`keys/${name}.private.pem`))),
  )
  const apiKey = 'key-of-the-suite'
  const [gateway, faults] = await Promise.all([
    startGatewayProcess({
      args: ['--engine=demo', '--log-level=warn', '--cors-origin', pageOrigin],
      env: { NOMYO_API_KEY: apiKey },
    }),
    startFaultServer(),
  ])
  const mangler = await startMangler(gateway.url)
  return {
    loopback: {
      gateway: gateway.url,
      apiKey,
      pin: server?.publicKey.fingerprint ?? '',
      otherPin: other?.publicKey.fingerprint ?? '',
      faults: faults.url,
      mangler: mangler.url,
      nowhere: await unusedUrl(),
    },
    stop: async () => {
      faults.close()
      mangler.close()
      await gateway.stop()
    },
  }
}
