import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeKeyDir, testArguments } from '@nomyo-internal/testing'
import { SecurityError } from '@nomyo/crypto'
import { APIConnectionError, APIError, createHttpTransport, parseBaseUrl } from '@nomyo/transport'
import { afterAll } from 'vitest'
import * as gatewayApi from '../src/gateway-api/index.js'
import * as root from '../src/index.js'
import * as openaiFetch from '../src/openai-fetch/index.js'
import * as knownServers from '../src/platform/known-servers-file.js'

const REASON = 'an error, which checks nothing'

const keyDir = makeKeyDir()
const folder = mkdtempSync(join(tmpdir(), 'nomyo-arguments-'))
const known = join(folder, 'known_servers')
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(keyDir, { recursive: true, force: true })
})

/** Reached where arguments are right: there is no gateway. */
const fetch = (): Promise<never> => Promise.reject(new Error('not called'))

/** The call, which is right where it sends a request. */
const sending =
  (call: (...values: never[]) => unknown) =>
  async (...values: never[]): Promise<void> => {
    try {
      await call(...values)
    } catch (error) {
      if (!(error instanceof APIConnectionError && error.code === 'ERR_NETWORK')) throw error
    }
  }

const baseUrl = 'https://gateway.example'
const own = { fetch, maxRetries: 0, wire: 1 } as const
const client = new root.SecureChatCompletion({ ...own, baseUrl, keyDir })
const steps = new root.SecureCompletionClient({ ...own, routerUrl: baseUrl })
await steps.loadKeys(join(keyDir, 'private_key.pem'))
afterAll(() => {
  client.dispose()
  steps.dispose()
})

const request = { model: 'm', messages: [{ role: 'user', content: 'x' }] }
const { signal } = new AbortController()
const options = { signal, timeout: 1000, headers: { 'x-a': 'b' }, maxRetries: 0 }
const plain = { signal, timeout: 1000, headers: { 'x-a': 'b' } }
const transport = createHttpTransport({ baseUrl: parseBaseUrl(baseUrl), fetch })
const policy = { appraise: () => Promise.reject(new Error('not called')) }
const servers = knownServers.knownServersFile(known)
const server = 'https://known.example'
const pin = `sha256/${Buffer.alloc(32).toString('base64')}`
const callback = (): void => undefined

const isPlain = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value) as object)

/** Without keys to read, each client would generate some. */
const made = (given: object): void => {
  new root.SecureChatCompletion(isPlain(given) ? { ...given, ...own, keyDir } : given).dispose()
}

/** Every option by itself: each client reads its keys. */
const everyOption = {
  baseUrl,
  allowHttp: true,
  apiKey: 'key',
  secureMemory: true,
  timeout: 1000,
  keyRotationInterval: 0,
  replyKeys: 'rotating',
  serverKeyPins: [pin],
  minServerKeyBits: 4096,
  knownServers: known,
  onServerKey: callback,
  attestation: { policy, require: 'warning' },
  onReceipt: callback,
  padding: 'none',
  streamIdleTimeout: 1000,
  defaultHeaders: { 'x-a': 'b' },
  logger: { warn: callback },
  debug: false,
  pace: { perSecond: 1, burst: 1 },
  onStep: callback,
}

testArguments(
  [root, gatewayApi, openaiFetch, knownServers],
  {
    APIConnectionError: REASON,
    APIError: REASON,
    AttestationError: REASON,
    AuthenticationError: REASON,
    ForbiddenError: REASON,
    InvalidRequestError: REASON,
    RateLimitError: REASON,
    SecurityError: REASON,
    ServerError: REASON,
    ServiceUnavailableError: REASON,

    SecureChatCompletion: [
      {
        call: made,
        args: { options: everyOption },
        // Null stands for no key; a store for a path; false for no pace.
        any: ['options.apiKey', 'options.knownServers', 'options.pace'],
      },
      { call: (pace) => made({ pace }), args: { pace: { perSecond: 1, burst: 1 } } },
      {
        call: (attestation) => made({ attestation }),
        args: { attestation: everyOption.attestation },
      },
      {
        call: (wire) => {
          new root.SecureChatCompletion({ ...own, keyDir, wire }).dispose()
        },
        args: { wire: 'auto' },
      },
      {
        call: (maxRetries) => {
          new root.SecureChatCompletion({ ...own, keyDir, maxRetries }).dispose()
        },
        args: { maxRetries: 1 },
      },
      {
        call: (given) => {
          new root.SecureChatCompletion({ keyDir, fetch: given }).dispose()
        },
        args: { fetch },
      },
    ],
    'SecureChatCompletion.acreate': [
      { call: sending((...all: [never]) => client.acreate(...all)), args: { request, options } },
    ],
    'SecureChatCompletion.chooseWire': [
      {
        call: sending((value) => client.chooseWire(value)),
        args: { options: { signal, timeout: 1000, maxRetries: 0 } },
      },
    ],
    'SecureChatCompletion.create': [
      {
        call: sending((...all: [never]) => client.create(...all)),
        args: { request, options },
        // Members of a request are of the model server; these two are checked.
        any: ['request.messages'],
      },
    ],
    'SecureChatCompletion.fetch': [
      {
        call: sending((path, init) => client.fetch(path, init)),
        args: {
          path: '/v1/chat/completions',
          init: {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(request),
            signal,
            timeout: 1000,
            maxRetries: 0,
          },
        },
        // As for the platform's `fetch`: anything is a text, and null is no signal.
        any: ['init.body', 'init.signal'],
      },
    ],
    'SecureChatCompletion.listModels': [
      { call: sending((value) => client.listModels(value)), args: { options: plain } },
    ],
    SecureCompletionClient: [
      {
        call: (given) => {
          new root.SecureCompletionClient(given).dispose()
        },
        args: { options: { routerUrl: baseUrl, timeout: 1000 } },
      },
    ],
    'SecureCompletionClient.decryptResponse': [
      {
        call: (...all: [never, never]) => steps.decryptResponse(...all),
        args: { encryptedResponse: new Uint8Array(8), payloadId: 'id' },
      },
    ],
    'SecureCompletionClient.encryptPayload': [
      {
        call: sending((payload) => steps.encryptPayload(payload)),
        args: { payload: request },
        any: ['payload.model', 'payload.messages'],
      },
    ],
    'SecureCompletionClient.generateKeys': [
      // Nothing right: a key takes seconds.
      {
        call: (given) => steps.generateKeys({ ...(given as object), password: '' }),
        args: { options: { saveToFile: true } },
      },
    ],
    'SecureCompletionClient.loadKeys': [
      {
        call: (...all: [never]) => steps.loadKeys(...all),
        args: {
          privateKeyPath: join(keyDir, 'private_key.pem'),
          publicKeyPath: join(keyDir, 'public_key.pem'),
          password: 'password',
        },
      },
    ],
    'SecureCompletionClient.sendSecureRequest': [
      {
        call: sending((...all: [never, never]) => steps.sendSecureRequest(...all)),
        args: { payload: request, payloadId: 'id', apiKey: 'key', securityTier: 'high', options },
        any: ['payload.messages', 'apiKey', 'securityTier'],
      },
    ],

    fetchKeyEvidence: [
      {
        call: sending(gatewayApi.fetchKeyEvidence),
        args: { transport, options: { ...plain, nonce: new Uint8Array(32) } },
      },
    ],
    fetchModels: [
      {
        call: sending(gatewayApi.fetchModels),
        args: { transport, options: { ...plain, apiKey: 'key' } },
        any: ['options.apiKey'],
      },
    ],
    fetchPublicKey: [
      {
        call: sending(gatewayApi.fetchPublicKey),
        args: { transport, options: { ...plain, minBits: 4096 } },
      },
    ],
    fetchStatement: [
      {
        call: sending(gatewayApi.fetchStatement),
        args: {
          transport,
          options: { ...plain, held: { document: new Uint8Array(1), etag: '"x"', maxAge: 1 } },
        },
      },
    ],
    fetchStatementEvidence: [
      {
        call: sending(gatewayApi.fetchStatementEvidence),
        args: { transport, options: { ...plain, nonce: new Uint8Array(32) } },
      },
    ],

    createNomyoFetch: [
      {
        call: (given) => {
          openaiFetch
            .createNomyoFetch(isPlain(given) ? { ...(given as object), keyDir } : given)
            .dispose()
        },
        args: { options: { baseUrl, timeout: 1000 } },
      },
      {
        call: (given) => {
          openaiFetch.createNomyoFetch({ client: given }).dispose()
        },
        args: { client },
      },
    ],

    knownServersFile: [
      { call: knownServers.knownServersFile, args: { path: known } },
      { call: servers.fingerprintsOf, args: { server } },
      { call: servers.add, args: { server, fingerprint: pin } },
      { call: servers.addFirst, args: { server, fingerprint: pin } },
      { call: servers.keysOf, args: { server } },
      {
        call: servers.addKeys,
        args: { server, keys: [{ fingerprint: pin }], options: { onlyFirst: true } },
        any: ['options', 'options.onlyFirst'],
      },
      { call: servers.forget, args: { server: 'https://other.example' } },
    ],
    readTrustedFile: 'that of @nomyo/crypto/keys/node',
  },
  (error) =>
    (error instanceof SecurityError ||
      error instanceof APIError ||
      error instanceof APIConnectionError) &&
    error.code.startsWith('ERR_'),
  [client, transport, policy, signal],
)
