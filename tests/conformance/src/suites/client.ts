import type * as Attest from '@nomyo/attest'
import type * as Library from '@nomyo/client'
import type * as OpenAIFetch from '@nomyo/client/openai-fetch'
import {
  codeOf,
  equal,
  rejectionOf,
  sameJson,
  textOf,
  thrownBy,
  type Case,
  type Suite,
} from './case.js'
import type { Loopback } from '../loopback.js'

/** The exports under test of `@nomyo/client`, and the parser of policies. */
export interface ClientLibraries {
  readonly client: typeof Library
  readonly openaiFetch: typeof OpenAIFetch
  readonly attest: typeof Attest
}

/** Every kind of character, and pairs that must not be torn apart. */
const TEXT = 'Grüße 🩺 \u0000\u2028 "\\" 漢字 \u{1f469}\u200d\u{1f680}'

/** Chats with a real gateway. Its cases share one client, as programs do: its key takes long to make. */
export function clientSuite(libraries: ClientLibraries, loopback: Loopback): Suite {
  const { client } = libraries
  let shared: Library.SecureChatCompletion | undefined
  const sharedClient = (): Library.SecureChatCompletion =>
    (shared ??= new client.SecureChatCompletion({
      baseUrl: loopback.gateway,
      allowHttp: true,
      apiKey: loopback.apiKey,
      serverKeyPins: [loopback.pin],
      maxRetries: 0,
      logger: QUIET,
    }))
  return {
    name: 'client',
    cases: [
      ...refusesServers(libraries, loopback),
      ...chats(libraries, sharedClient),
      ...openaiFetch(libraries, sharedClient),
      stepByStep(libraries, loopback),
      {
        name: 'a client that was disposed of is of no use',
        run: async () => {
          sharedClient().dispose()
          const asking = sharedClient().create(echo('x'))
          equal(codeOf(await rejectionOf(asking), client.SecurityError), 'ERR_KEY_DISPOSED')
        },
      },
    ],
  }
}

const QUIET = { warn: () => undefined }

const echo = (content: string) => ({
  model: 'nomyo/echo',
  messages: [{ role: 'user' as const, content }],
})

/** A client that generates no key before it is asked to. */
function singleSteps(
  { client }: ClientLibraries,
  { gateway, apiKey }: Loopback,
  options: Library.SecureCompletionClientOptions = {},
): Library.SecureCompletionClient {
  return new client.SecureCompletionClient({
    routerUrl: gateway,
    allowHttp: true,
    apiKey,
    maxRetries: 0,
    logger: QUIET,
    ...options,
  })
}

function refusesServers(libraries: ClientLibraries, loopback: Loopback): Case[] {
  const { client, attest } = libraries
  const fetchKey = (options: Library.SecureCompletionClientOptions): Promise<string> => {
    const steps = singleSteps(libraries, loopback, options)
    return steps.fetchServerPublicKey().finally(() => steps.dispose())
  }
  return [
    {
      name: 'fetches the key that is pinned',
      run: async () => {
        const pem = await fetchKey({ serverKeyPins: [loopback.otherPin, loopback.pin] })
        equal(pem.startsWith('-----BEGIN PUBLIC KEY-----'), true)
      },
    },
    {
      name: 'refuses a key that is not pinned',
      run: async () => {
        const error = await rejectionOf(fetchKey({ serverKeyPins: [loopback.otherPin] }))
        equal(codeOf(error, client.SecurityError), 'ERR_KEY_MISMATCH')
      },
    },
    {
      name: 'trusts the first key of a server, and refuses another one later',
      run: async () => {
        const known: string[] = []
        const events: string[] = []
        const options = {
          knownServers: {
            fingerprintsOf: () => Promise.resolve(known),
            add: (_: string, fingerprint: string) => Promise.resolve(void known.push(fingerprint)),
          },
          onServerKey: ({ type }: Library.ServerKeyEvent) => void events.push(type),
        }
        await fetchKey(options)
        sameJson(known, [loopback.pin])
        await fetchKey(options)
        known[0] = loopback.otherPin
        const error = await rejectionOf(fetchKey(options))
        equal(codeOf(error, client.SecurityError), 'ERR_SERVER_KEY_CHANGED')
        sameJson(events, ['first-use', 'known', 'changed'])
      },
    },
    {
      name: 'encrypts nothing to a machine that cannot endorse its key',
      run: async () => {
        const policy = attest.attestationPolicy({ requiredPcrs: 'sha256:0', trust: 'none' })
        const steps = singleSteps(libraries, loopback, { attestation: { policy, tier: 'none' } })
        const error = await rejectionOf(steps.encryptPayload(echo('x')))
        equal(codeOf(error, client.AttestationError), 'ERR_ATTESTATION_FAILED')
      },
    },
    {
      name: 'requires permission for plain HTTP',
      run: async () => {
        const error = await thrownBy(
          () => new client.SecureChatCompletion({ baseUrl: loopback.gateway }),
        )
        equal(codeOf(error, client.SecurityError), 'ERR_INSECURE_URL')
      },
    },
    {
      name: 'reports a server that does not listen',
      run: async () => {
        const error = await rejectionOf(fetchKey({ routerUrl: loopback.nowhere }))
        equal(codeOf(error, client.APIConnectionError), 'ERR_NETWORK')
      },
    },
  ]
}

function chats(
  { client }: ClientLibraries,
  sharedClient: () => Library.SecureChatCompletion,
): Case[] {
  return [
    {
      name: 'a sealed completion',
      run: async () => {
        const completion = await sharedClient().create(echo(TEXT))
        equal(completion.choices[0].message.content, TEXT)
        equal(completion._metadata.is_encrypted, true)
      },
    },
    {
      name: 'a long one',
      run: async () => {
        const text = TEXT.repeat(10_000)
        equal((await sharedClient().create(echo(text))).choices[0].message.content, text)
      },
    },
    {
      name: 'several at once',
      run: async () => {
        const texts = ['one', 'two', 'three', 'four']
        const answers = await Promise.all(texts.map((text) => sharedClient().create(echo(text))))
        sameJson(
          answers.map(({ choices }) => choices[0].message.content),
          texts,
        )
        equal(new Set(answers.map(({ _metadata }) => _metadata.payload_id)).size, texts.length)
      },
    },
    {
      name: 'a wrong API key',
      run: async () => {
        const asking = sharedClient().create({ ...echo('x'), api_key: 'wrong' })
        const error = await rejectionOf(asking)
        equal(codeOf(error, client.AuthenticationError), 'ERR_AUTHENTICATION')
        equal(error instanceof client.APIError, true)
        equal((error as Library.AuthenticationError).statusCode, 401)
      },
    },
    {
      name: 'the encrypted error of a model server',
      run: async () => {
        const request = { ...echo('x'), model: 'nomyo/error-context-length' }
        const error = await rejectionOf(sharedClient().create(request))
        equal(codeOf(error, client.InvalidRequestError), 'ERR_BAD_REQUEST')
        const { sealedError } = error as Library.InvalidRequestError
        equal(sealedError?.code, 'context_length_exceeded')
        equal(sealedError?.param, 'messages')
      },
    },
    {
      name: 'ends an aborted call',
      run: async () => {
        const asking = sharedClient().create(echo('x'), { signal: AbortSignal.abort() })
        equal(codeOf(await rejectionOf(asking), client.APIConnectionError), 'ERR_ABORTED')
      },
    },
    {
      name: 'a request that is none',
      run: async () => {
        const asking = sharedClient().create({ model: 'm' } as never)
        const error = await rejectionOf(asking)
        equal(error instanceof client.InvalidRequestError, true)
      },
    },
  ]
}

function openaiFetch(
  { openaiFetch: { createNomyoFetch } }: ClientLibraries,
  sharedClient: () => Library.SecureChatCompletion,
): Case[] {
  const ask = (path: string, body: unknown): Promise<Response> =>
    createNomyoFetch({ client: sharedClient() })(`https://openai.invalid/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  return [
    {
      name: 'openai-fetch answers',
      run: async () => {
        const response = await ask('/chat/completions', echo(TEXT))
        equal(response.status, 200)
        const completion = (await response.json()) as Library.ChatCompletion
        equal(completion.choices[0].message.content, TEXT)
      },
    },
    {
      name: 'openai-fetch streams',
      run: async () => {
        const response = await ask('/chat/completions', { ...echo(TEXT), stream: true })
        const lines = textOf(new Uint8Array(await response.arrayBuffer())).split('\n\n')
        const data = lines.flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
        equal(data.pop(), '[DONE]')
        const pieces = data.map((json) => {
          const { choices } = JSON.parse(json) as { choices: { delta?: { content?: string } }[] }
          return choices[0]?.delta?.content ?? ''
        })
        equal(pieces.join(''), TEXT)
      },
    },
    {
      name: 'openai-fetch answers with the error of a model server',
      run: async () => {
        const request = { ...echo('x'), model: 'nomyo/error-model-not-found', stream: true }
        const response = await ask('/chat/completions', request)
        equal(response.status, 404)
        const { error } = (await response.json()) as { error: { code: string } }
        equal(error.code, 'model_not_found')
      },
    },
    {
      name: 'openai-fetch sends nothing else anywhere',
      run: async () => equal((await ask('/files', { purpose: 'x' })).status, 404),
    },
  ]
}

function stepByStep(libraries: ClientLibraries, loopback: Loopback): Case {
  const { client } = libraries
  return {
    name: 'step by step: a changed answer is refused, and one to another request',
    run: async () => {
      const steps = singleSteps(libraries, loopback)
      await steps.generateKeys()
      const [payloadId, answer] = await sealedAnswer(steps, loopback)
      const completion = await steps.decryptResponse(answer, payloadId)
      equal(completion.choices[0].message.content, TEXT)
      const repeated = steps.decryptResponse(answer, payloadId)
      equal(codeOf(await rejectionOf(repeated), client.SecurityError), 'ERR_REPLY_REPLAYED')

      const [, other] = await sealedAnswer(steps, loopback)
      const mistaken = steps.decryptResponse(other, 'another')
      equal(codeOf(await rejectionOf(mistaken), client.SecurityError), 'ERR_REPLY_MISMATCH')
      const text = textOf(answer).replace(
        /("ciphertext":")(.)/,
        (_, before: string, first: string) => before.concat(first === 'A' ? 'B' : 'A'),
      )
      const changed = steps.decryptResponse(new TextEncoder().encode(text), payloadId)
      equal(codeOf(await rejectionOf(changed), client.SecurityError), 'ERR_DECRYPTION_FAILED')
      steps.dispose()
    },
  }
}

/** Sends one request by hand; returns its id and the answer, still encrypted. */
async function sealedAnswer(
  steps: Library.SecureCompletionClient,
  { gateway, apiKey }: Loopback,
): Promise<readonly [string, Uint8Array]> {
  const payloadId = crypto.randomUUID()
  const response = await fetch(`${gateway}/v1/chat/secure_completion`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/octet-stream',
      'x-payload-id': payloadId,
      'x-public-key': encodeURIComponent(await steps.publicKey()),
    },
    body: await steps.encryptPayload(echo(TEXT)),
  })
  return [payloadId, new Uint8Array(await response.arrayBuffer())]
}
