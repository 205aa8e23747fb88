import { readOptions, type TestGatewayOptions } from './gateway/options.js'
import { RunningGateway } from './gateway/running-gateway.js'
import type { TestGateway } from './test-gateway.js'

/**
 * Starts a gateway on a free port of 127.0.0.1.
 *
 * @throws TestkitError `ERR_INVALID_OPTION`, naming the option
 *
 * @example
 * ```ts
 * import { faults, startTestGateway } from '@nomyo/testkit'
 *
 * const gateway = await startTestGateway({ answer: () => 'Hello!' })
 * gateway.next(faults.rateLimited({ retryAfterSeconds: 1 }))
 * // ... the client, with `baseUrl: gateway.url` and `allowHttp: true` ...
 * await gateway.close()
 * ```
 */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = new RunningGateway(await readOptions(options))
  await gateway.listen()
  return gateway
}
