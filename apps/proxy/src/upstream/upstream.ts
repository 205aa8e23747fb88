import { attestationPolicy } from '@nomyo/attest'
import { parsePolicyFile } from '@nomyo/attest/policy-file'
import {
  APIError,
  InvalidRequestError,
  SecurityError,
  SecureChatCompletion,
  type KnownServersStore,
  type SecureChatCompletionOptions,
  type WireInfo,
} from '@nomyo/client'
import { fetchModels } from '@nomyo/client/gateway-api'
import { readTrustedFile } from '@nomyo/client/known-servers'
import { createNomyoFetch, type NomyoFetch } from '@nomyo/client/openai-fetch'
import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
import { createUndiciFetch } from '@nomyo/transport/undici'
import { FileError } from '../access/secret-files.js'
import type { ProxyConfig } from '../config/config.js'
import type { Log } from '../log.js'
import { ProxyClient } from './proxy-client.js'
import { noteAppraisal, wireFacts, type Trust } from './trust.js'

/** The gateway, as the routes use it. */
export interface Upstream {
  readonly trust: Trust
  /** Encrypts OpenAI's requests; see `createNomyoFetch`. */
  readonly fetch: NomyoFetch
  /**
   * Makes the checks of a request up to its encryption, as far as they are due.
   *
   * @throws SecurityError, AttestationError when the gateway is not trusted
   * @throws APIError, APIConnectionError when it does not answer
   */
  check(signal: AbortSignal): Promise<WireInfo>
  /** Notes the failure of an answer that had begun. */
  noteFailure(error: unknown): void
  /** Fetches the gateway's own list of models: encrypted where the gateway offers that. */
  models(signal: AbortSignal): Promise<Uint8Array>
  close(): Promise<void>
}

const START_TIMEOUT_MS = 30_000
/** A policy has at most a million characters. */
const MAX_POLICY_BYTES = 4 * 1024 * 1024

/**
 * Connects to the gateway, and checks it first: its key is compared with pins and known servers, and
 * endorsed by its machine where the policy requires that before requests.
 *
 * @throws SecurityError, AttestationError when the gateway is not trusted
 * @throws APIError, APIConnectionError when it does not answer
 * @throws FileError, PolicyError for an unusable policy
 */
export async function connectUpstream(
  config: ProxyConfig,
  apiKey: string | undefined,
  log: Log,
): Promise<Upstream> {
  const { gateway: url } = config
  const connections = createUndiciFetch()
  const trust: Trust = {
    fingerprint: '',
    wire: { version: 1, reason: 'configured', statementSha256: null },
    standing:
      config.pin.length > 0 ? 'pinned' : config.knownServers === undefined ? 'any' : 'first-use',
    attestation: null,
    appraisals: {},
    problem: undefined,
  }
  // Their own connections: those of a given `fetch` know no length of a form.
  const options = await clientOptions(config, trust)
  try {
    const wire = await checkGateway(options, url)
    trust.fingerprint = wire.fingerprint
    trust.wire = wireFacts(wire)
    if (wire.reason === 'vouched' && trust.standing === 'first-use') trust.standing = 'vouched'
  } catch (error) {
    await connections.close()
    throw error
  }
  // Not before: a process that generates its reply key does not end until the key is complete.
  const client = new ProxyClient(
    {
      ...options,
      baseUrl: url,
      apiKey,
      logger: log,
      debug: true,
      // Callers retry on their own, and each of their attempts is encrypted afresh.
      maxRetries: 0,
    },
    trust,
    config.securityTier === 'none' ? undefined : config.securityTier,
  )
  const transport = createHttpTransport({ baseUrl: parseBaseUrl(url), send: connections.send })
  return {
    trust,
    fetch: createNomyoFetch({ client }),
    check: (signal) => client.check(signal),
    noteFailure: (error) => {
      client.noteFailure(error)
    },
    models: async (signal) => {
      try {
        const response = await client.fetch('/v1/models', { signal })
        return new Uint8Array(await response.arrayBuffer())
      } catch (error) {
        // A gateway without this route answers over TLS alone, and directly: past a relay.
        const isOffered = !(error instanceof InvalidRequestError) || error.code !== 'ERR_ROUTE'
        if (isOffered || config.relay !== undefined) throw error
      }
      const list = await fetchModels(transport, { apiKey, signal })
      if (list !== undefined) return list.body
      throw new APIError('ERR_UNEXPECTED_STATUS', 'The gateway answered with no list of models.', {
        statusCode: 502,
      })
    },
    close: async () => {
      client.dispose()
      await connections.close()
    },
  }
}

/** Options of both clients: the one that checks the gateway, and the one that serves. */
async function clientOptions(
  { allowHttp, relay, pin, knownServers, policy, attest, tier, wire }: ProxyConfig,
  trust: Trust,
): Promise<SecureChatCompletionOptions> {
  return {
    allowHttp,
    relayUrl: relay,
    wire,
    ...(pin.length === 0 ? {} : { serverKeyPins: pin }),
    knownServers: knownServers ?? acceptAnyKey,
    onServerKey: ({ type, fingerprint }) => {
      if (type === 'changed') return
      trust.fingerprint = fingerprint
      if (knownServers !== undefined && pin.length === 0) trust.standing = type
    },
    ...(policy === undefined
      ? {}
      : {
          attestation: {
            policy: attestationPolicy(parsePolicyFile(await readPolicy(policy))),
            when: attest,
            tier,
            onResult: (event) => {
              noteAppraisal(trust, event)
            },
          },
        }),
  }
}

/** Reports every key to `onServerKey`, and refuses none. */
const acceptAnyKey: KnownServersStore = {
  fingerprintsOf: () => Promise.resolve([]),
  add: () => Promise.resolve(),
}

/** Takes every step before a first request, and sends no API key. */
async function checkGateway(
  options: SecureChatCompletionOptions,
  baseUrl: string,
): Promise<WireInfo> {
  const logger = { warn: () => undefined }
  const client = new SecureChatCompletion({
    ...options,
    baseUrl,
    logger,
    timeout: START_TIMEOUT_MS,
    // A caller waits: what fails once is reported.
    maxRetries: 0,
  })
  try {
    return await client.chooseWire()
  } finally {
    client.dispose()
  }
}

async function readPolicy(path: string): Promise<string> {
  try {
    const text = await readTrustedFile(path, { maxBytes: MAX_POLICY_BYTES })
    if (text !== undefined) return text
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    throw new FileError('--policy', path, `cannot be used: ${error.message}`)
  }
  throw new FileError('--policy', path, 'does not exist (ENOENT)')
}
