import { startTestGateway, type TestGateway, type TestGatewayOptions } from '@nomyo/testkit'
import { onTestFinished } from 'vitest'
import { SecureChatCompletion, type SecureChatCompletionOptions } from '../../src/index.js'
import { testKey } from '../support.js'

export { failureOf } from '../hostile/support.js'
export { hello } from '../support.js'

/** Starts a gateway for one test that speaks both wires, with a server key of the vectors. */
export async function newGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const serverKey = await testKey('server')
  const gateway = await startTestGateway({ serverKey, wire: 2, ...options })
  onTestFinished(() => gateway.close())
  return gateway
}

/** Creates a client for one test that does not retry, with no key of its own. */
export function newClient(
  gateway: { readonly url: string },
  options: SecureChatCompletionOptions = {},
): SecureChatCompletion {
  const client = new SecureChatCompletion({
    baseUrl: gateway.url,
    allowHttp: true,
    logger: { warn: () => undefined },
    maxRetries: 0,
    ...options,
  })
  onTestFinished(() => {
    client.dispose()
  })
  return client
}

/** Starts a gateway and a client of it, for one test. */
export async function connect(
  options: SecureChatCompletionOptions = {},
): Promise<{ gateway: TestGateway; client: SecureChatCompletion }> {
  const gateway = await newGateway()
  return { gateway, client: newClient(gateway, options) }
}
