import { pathToFileURL } from 'node:url'
import {
  makeKeyDir,
  startChatModel,
  startGateway,
  stopAfterTest,
  streamWhole,
  temporaryFolder,
  type GatewayDefaults,
  type InProcess,
  type ModelServer,
} from '@nomyo-internal/testing'
import { GATEWAY_MAIN } from '@nomyo-internal/testing/gateway-process'

type Settings = { readonly [Name in keyof GatewayDefaults]: unknown } & {
  readonly web: true
  readonly apiKeys?: readonly string[]
  readonly rateLimit?: { readonly perSecond: number; readonly burst: number }
  readonly tpm?: object
  readonly requestKeys?: object
}

/** A gateway in this process that serves the page. */
export type TestGateway = InProcess<{
  readonly url: string
  /** Of the server key of wire 1. */
  readonly fingerprint: string
  /** Of the identity key of wire 2. */
  readonly identity: string
  close(): Promise<void>
}>

// Not by its name: the gateway depends on this package.
const library = (await import(new URL('index.js', pathToFileURL(GATEWAY_MAIN)).href)) as {
  createGateway: (settings: Settings) => Promise<TestGateway>
}

/** Starts a gateway that serves the page. */
export const newGateway = (settings: Partial<Settings> = {}): Promise<TestGateway> =>
  startGateway(library.createGateway, { web: true, ...settings })

/** Starts one for the current test. */
export const testGateway = async (settings?: Partial<Settings>): Promise<TestGateway> =>
  stopAfterTest(await newGateway(settings))

/** Folder of a server key that differs from the default one. */
export const otherKeyDir = (): string =>
  makeKeyDir({ 'private_key.pem': 'client' }, temporaryFolder())

/** Settings of a gateway with this model server. */
export const engineOf = ({ url }: ModelServer): Partial<Settings> => ({
  engine: { kind: 'openai', baseUrl: url, apiKey: undefined },
})

/** Starts a model server that streams where it is asked to, and a gateway with it, for the current test. */
export async function testModel(
  complete: ModelServer['answer'],
): Promise<{ readonly model: ModelServer; readonly url: string }> {
  const answer: ModelServer['answer'] = (response, request) => {
    if (/"stream": ?true/.test(request.body)) streamWhole(response)
    complete(response, request)
  }
  const model = stopAfterTest(await startChatModel(answer))
  const { url } = await testGateway(engineOf(model))
  return { model, url }
}
