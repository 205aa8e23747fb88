import { readFile } from 'node:fs/promises'
import { attestationPolicy } from '@nomyo/attest'
import { parsePolicyFile } from '@nomyo/attest/policy-file'
import {
  APIError,
  SecureCompletionClient,
  type KnownServersStore,
  type SecureChatCompletionOptions,
} from '@nomyo/client'
import { createNomyoFetch, type NomyoFetch } from '@nomyo/client/openai-fetch'
import {
  createHttpTransport,
  errorFromResponse,
  parseBaseUrl,
  startDeadline,
  type HttpSend,
} from '@nomyo/transport'
import { createUndiciFetch } from '@nomyo/transport/undici'
import type { ProxyConfig } from './config.js'
import { FileError } from './files.js'
import type { Log } from './log.js'
import { SealingClient } from './sealing-client.js'
import { attestationFacts, type Trust } from './trust.js'

/** The gateway, as the routes see it. */
export interface Upstream {
  readonly trust: Trust
  /** Seals OpenAI's requests; see `createNomyoFetch`. */
  readonly fetch: NomyoFetch
  /** The body of the gateway's own list of models, checked to be one. */
  models(signal: AbortSignal): Promise<Uint8Array>
  close(): Promise<void>
}

const START_TIMEOUT_MS = 30_000
const MODELS_TIMEOUT_MS = 30_000
const MAX_MODELS_BYTES = 1024 * 1024

/**
 * Opens the way to the gateway, and looks at the gateway first: its key is fetched, held against pins
 * and known servers, and its machine has vouched for it where the policy wants that before requests.
 *
 * @throws SecurityError, AttestationError when it cannot be trusted
 * @throws APIError, APIConnectionError when it cannot be asked
 * @throws FileError, PolicyError for a policy that cannot be used
 */
export async function openUpstream(
  config: ProxyConfig,
  apiKey: string | undefined,
  log: Log,
): Promise<Upstream> {
  const connections = createUndiciFetch()
  const trust: Trust = {
    fingerprint: '',
    standing: config.pins.length > 0 ? 'pinned' : 'any',
    attestation: null,
    problem: undefined,
  }
  const options = {
    ...(await clientOptions(config, trust)),
    ...(apiKey === undefined ? {} : { apiKey }),
    fetch: connections.fetch,
    logger: log,
  }
  try {
    await meet(options, config.gateway.url)
  } catch (error) {
    await connections.close()
    throw error
  }
  // Not before: its key is in the making from now on, and a process does not end before that is done.
  const client = new SealingClient(
    // Callers try again by themselves, and each of their attempts is sealed afresh.
    { ...options, baseUrl: config.gateway.url, maxRetries: 0, debug: true },
    trust,
    config.securityTier === 'none' ? undefined : config.securityTier,
  )
  return {
    trust,
    fetch: createNomyoFetch({ client }),
    models: (signal) => askForModels(config.gateway.url, apiKey, connections.send, signal),
    close: async () => {
      client.dispose()
      await connections.close()
    },
  }
}

/** What the client that serves and the one that looks first have in common. */
async function clientOptions(
  { gateway, pins, knownServers, attestation }: ProxyConfig,
  trust: Trust,
): Promise<SecureChatCompletionOptions> {
  return {
    allowHttp: gateway.allowHttp,
    ...(pins.length === 0 ? {} : { serverKeyPins: pins }),
    knownServers: knownServers ?? noServerKnown,
    onServerKey: ({ type, fingerprint }) => {
      if (type === 'changed') return
      trust.fingerprint = fingerprint
      if (knownServers !== undefined && pins.length === 0) trust.standing = type
    },
    ...(attestation === undefined
      ? {}
      : {
          attestation: {
            policy: attestationPolicy(parsePolicyFile(await readPolicy(attestation.policyFile))),
            when: attestation.when,
            tier: attestation.tier,
            onResult: (event) => {
              trust.attestation = attestationFacts(event)
            },
          },
        }),
  }
}

/** Has every key told of, and objects to none. */
const noServerKnown: KnownServersStore = {
  fingerprintsOf: () => Promise.resolve([]),
  add: () => Promise.resolve(),
}

/**
 * Goes through all that comes before a first request: sealing fetches the key, judges it, and has the
 * machine vouch for it. What was sealed (nothing) goes nowhere.
 */
async function meet(options: SecureChatCompletionOptions, routerUrl: string): Promise<void> {
  const silent = { warn: () => undefined }
  const { apiKey: _, ...open } = options
  const client = new SecureCompletionClient({
    ...open,
    routerUrl,
    logger: silent,
    timeout: START_TIMEOUT_MS,
  })
  try {
    await client.encryptPayload({})
  } finally {
    client.dispose()
  }
}

async function readPolicy(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new FileError('--policy', path, error)
  }
}

/** Not sealed: names of models and the API key, under TLS alone. */
async function askForModels(
  gateway: string,
  apiKey: string | undefined,
  send: HttpSend | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const transport = createHttpTransport({ baseUrl: parseBaseUrl(gateway), send })
  const deadline = startDeadline(MODELS_TIMEOUT_MS, [signal])
  try {
    const response = await transport.send({
      method: 'GET',
      path: '/v1/models',
      headers: {
        accept: 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      maxResponseBytes: MAX_MODELS_BYTES,
      signal: deadline.signal,
    })
    if (response.status !== 200) throw errorFromResponse(response)
    if (isList(response.body)) return response.body
    throw new APIError('ERR_UNEXPECTED_STATUS', 'The gateway answered with no list of models.', {
      statusCode: 502,
    })
  } finally {
    deadline.clear()
  }
}

function isList(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    return (
      typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data)
    )
  } catch {
    return false
  }
}
