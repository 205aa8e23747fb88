import type * as Library from '@nomyo/client'
import { codeOf, equal, rejectionOf, sameJson, type Case, type Suite } from './case.js'
import type { ClientLibraries } from './client.js'
import type { Loopback } from '../loopback.js'
import type { Wire2Libraries } from './wire-2.js'

/** Longer than two chunks, so that chunks can be exchanged. */
const LONG = 'Grüße 🩺 漢字 '.repeat(4000)

/** Chats over wire 2 with the real gateway, directly and by way of an attacker on the network path. */
export function clientWire2Suite(
  libraries: ClientLibraries & Wire2Libraries,
  loopback: Loopback,
): Suite {
  return {
    name: 'client, wire 2',
    cases: [
      ...chats(libraries, loopback),
      ...changedAnswers(libraries, loopback),
      ...changedStreams(libraries, loopback),
      ...downgrades(libraries, loopback),
    ],
  }
}

const echo = (content: string) => ({
  model: 'nomyo/echo',
  messages: [{ role: 'user' as const, content }],
})

/** Runs work with a client, which is disposed of. */
async function withClient<T>(
  { client }: ClientLibraries,
  { gateway, apiKey }: Loopback,
  options: Library.SecureChatCompletionOptions,
  work: (client: Library.SecureChatCompletion) => Promise<T>,
): Promise<T> {
  const made = new client.SecureChatCompletion({
    baseUrl: gateway,
    allowHttp: true,
    apiKey,
    maxRetries: 0,
    logger: { warn: () => undefined },
    ...options,
  })
  return work(made).finally(() => made.dispose())
}

/** The fingerprint of the gateway's identity key. */
async function identityOf({ wire2 }: Wire2Libraries, { gateway }: Loopback): Promise<string> {
  const document = new Uint8Array(await (await fetch(`${gateway}/pki/wire2`)).arrayBuffer())
  const { identities } = await wire2.parseKeyStatement(document, { now: Date.now() / 1000 })
  return identities[0] ?? ''
}

const wireOf = ({ _metadata: metadata }: Library.ChatCompletion): unknown =>
  (metadata as { wire?: { version?: unknown } }).wire?.version

function chats(libraries: ClientLibraries & Wire2Libraries, loopback: Loopback): Case[] {
  return [
    {
      name: 'is answered over wire 2, short, long and several at once',
      run: async () => {
        const pin = await identityOf(libraries, loopback)
        const steps: string[] = []
        const options: Library.SecureChatCompletionOptions = {
          wire: 2,
          serverKeyPins: [pin],
          onStep: ({ name }) => void steps.push(name),
        }
        await withClient(libraries, loopback, options, async (client) => {
          const texts = ['', 'x', LONG]
          const answers = await Promise.all(texts.map((text) => client.create(echo(text))))
          sameJson(
            answers.map(({ choices }) => choices[0].message.content),
            texts,
          )
          sameJson(answers.map(wireOf), [2, 2, 2])
        })
        // No RSA key was generated.
        equal(steps.includes('reply-key'), false)
      },
    },
    {
      name: 'prefers wire 2, vouched for by the pinned key of wire 1',
      run: () =>
        withClient(libraries, loopback, { serverKeyPins: [loopback.pin] }, async (client) => {
          equal(wireOf(await client.create(echo('x'))), 2)
          const { wire, reason } = await client.chooseWire()
          sameJson([wire, reason], [2, 'vouched'])
        }),
    },
    {
      name: 'encrypts nothing to another identity than the pinned one',
      run: () =>
        withClient(
          libraries,
          loopback,
          { wire: 2, serverKeyPins: [loopback.otherPin] },
          async (client) => {
            const error = await rejectionOf(client.create(echo('x')))
            equal(codeOf(error, libraries.client.SecurityError), 'ERR_KEY_MISMATCH')
          },
        ),
    },
    {
      name: 'reports refusals inside the encryption as authenticated',
      run: () =>
        withClient(
          libraries,
          loopback,
          { wire: 2, apiKey: 'another-key-than-the-one' },
          async (client) => {
            const error = await rejectionOf(client.create(echo('x')))
            equal(codeOf(error, libraries.client.AuthenticationError), 'ERR_AUTHENTICATION')
            equal((error as Library.APIError).authenticated, true)
          },
        ),
    },
  ]
}

/** Codes of answers that were changed on their way, by the fault of the server in between. */
const REFUSALS: readonly (readonly [fault: string, code: string, what: string])[] = [
  ['cut', 'ERR_TRUNCATED', 'without its final chunk'],
  ['swap', 'ERR_DECRYPTION_FAILED', 'with two chunks swapped'],
  ['double', 'ERR_DECRYPTION_FAILED', 'with a chunk twice'],
  ['drop', 'ERR_DECRYPTION_FAILED', 'without a chunk'],
  ['shorten', 'ERR_DECRYPTION_FAILED', 'whose first chunk is made the final one'],
]

function changedAnswers(libraries: ClientLibraries & Wire2Libraries, loopback: Loopback): Case[] {
  const { client } = libraries
  const through = <T>(
    fault: string,
    work: (client: Library.SecureChatCompletion) => Promise<T>,
  ): Promise<T> =>
    withClient(libraries, loopback, { wire: 2, baseUrl: `${loopback.mangler}/${fault}` }, work)
  return [
    ...REFUSALS.map(([fault, code, what]) => ({
      name: `refuses an answer ${what}`,
      run: () =>
        through(fault, async (made) => {
          const error = await rejectionOf(made.create(echo(LONG)))
          const errorClass = fault === 'cut' ? client.APIConnectionError : client.SecurityError
          equal(codeOf(error, errorClass), code)
        }),
    })),
    {
      name: 'takes an answer that came by way of a server, and refuses it as that of another request',
      run: async () => {
        await through('pass', async (made) => {
          const { choices } = await made.create(echo(LONG))
          equal(choices[0].message.content, LONG)
        })
        await through('replay', async (made) => {
          const error = await rejectionOf(made.create(echo(LONG)))
          equal(codeOf(error, client.SecurityError), 'ERR_DECRYPTION_FAILED')
        })
      },
    },
  ]
}

/** As many words as chunks take that a gateway sends without a pause. */
const WORDS = Array.from({ length: 400 }, (_, at) => `${at.toString(36)} `)

/** Changes of streams, by the fault of the server in between, and whether all of the content precedes them. */
const STREAM_FAULTS: readonly (readonly [fault: string, what: string, isWhole?: boolean])[] = [
  ['cut', 'that ends before its end'],
  ['swap', 'with two chunks swapped'],
  ['double', 'with a chunk twice'],
  ['drop', 'without a chunk'],
  ['again', 'with its first chunk once more at the end', true],
  ['foreign', 'with a chunk of another stream'],
  ['end', 'whose final chunk comes too early'],
  ['longer', 'with a byte behind its end', true],
]

function changedStreams(libraries: ClientLibraries & Wire2Libraries, loopback: Loopback): Case[] {
  const { client } = libraries
  /** Streams an echo of the words by way of a server, and returns what arrives, and the error behind it. */
  const stream = (fault: string): Promise<{ words: string; isDone: boolean; error: unknown }> =>
    withClient(
      libraries,
      loopback,
      { wire: 2, baseUrl: `${loopback.mangler}/${fault}` },
      async (made) => {
        const response = await made.fetch('/v1/chat/completions', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...echo(WORDS.join('')), stream: true }),
        })
        equal(response.headers.get('x-nomyo-stream'), null)
        const { text, error } = await readToEnd(response)
        const events = text.split('\n\n').slice(0, -1)
        const words = events
          .filter((event) => event.startsWith('data: {'))
          .map((event) => (JSON.parse(event.slice(6)) as ChatChunk).choices[0]?.delta.content ?? '')
        return { words: words.join(''), isDone: events.includes('data: [DONE]'), error }
      },
    )
  return [
    {
      name: 'takes a stream that came by way of a server',
      run: async () => {
        const { words, isDone, error } = await stream('pass')
        sameJson([words, isDone, error], [WORDS.join(''), true, undefined])
      },
    },
    ...STREAM_FAULTS.map(([fault, what, isWhole = false]) => ({
      name: `hands out a stream ${what} up to there, and then fails`,
      run: async () => {
        const { words, isDone, error } = await stream(`stream-${fault}`)
        const { APIConnectionError, SecurityError } = client
        if (fault === 'cut') equal(codeOf(error, APIConnectionError), 'ERR_TRUNCATED')
        else equal(codeOf(error, SecurityError), 'ERR_DECRYPTION_FAILED')
        equal(isDone, isWhole)
        equal(words === WORDS.join(''), isWhole)
        equal(words.length > 0 && WORDS.join('').startsWith(words), true)
      },
    })),
  ]
}

interface ChatChunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
}

async function readToEnd(response: Response): Promise<{ text: string; error: unknown }> {
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += decoder.decode(next.value, { stream: true })
    }
    return { text, error: undefined }
  } catch (error) {
    return { text, error }
  }
}

function downgrades(libraries: ClientLibraries & Wire2Libraries, loopback: Loopback): Case[] {
  // Requests are counted, and other runtimes send some at the same time.
  const old = `${loopback.mangler}/old-${crypto.randomUUID()}`
  const { SecurityError } = libraries.client
  const posts = async (): Promise<string> => (await fetch(`${old}/posts`)).text()
  return [
    {
      name: 'sends nothing to a gateway without wire 2 whose identity is pinned, or with `wire: 2`',
      run: async () => {
        const pin = await identityOf(libraries, loopback)
        const before = await posts()
        const choices: Library.SecureChatCompletionOptions[] = [
          { serverKeyPins: [pin] },
          { wire: 2, serverKeyPins: [loopback.pin] },
        ]
        for (const options of choices) {
          await withClient(libraries, loopback, { ...options, baseUrl: old }, async (client) => {
            const error = await rejectionOf(client.create(echo('x')))
            equal(codeOf(error, SecurityError), 'ERR_WIRE_DOWNGRADE')
          })
        }
        equal(await posts(), before)
      },
    },
    {
      name: 'notices in an answer of wire 1 that wire 2 was denied',
      run: () =>
        withClient(libraries, loopback, { baseUrl: old }, async (client) => {
          for (let call = 0; call < 2; call++) {
            const error = await rejectionOf(client.create(echo('x')))
            equal(codeOf(error, SecurityError), 'ERR_WIRE_DOWNGRADE')
          }
        }),
    },
  ]
}
