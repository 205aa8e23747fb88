import { createServer, type ServerResponse } from 'node:http'
import { createHttpTransport } from '@nomyo/transport'
import { openEnvelope, type KeyPair } from '@nomyo/crypto'
import {
  answerVouch,
  createRequestKey,
  encodeKeyList,
  encodeStatement,
  generateIdentityKey,
  loadHybridKem,
  signStatement,
  type IdentityKey,
  type StatementContent,
} from '@nomyo/crypto/wire-2'
import { listenOnLoopback } from '@nomyo-internal/testing'
import { onTestFinished } from 'vitest'
import { KeyAttestation } from '../../src/attestation/key-attestation.js'
import { readConfig, type SecureChatCompletionOptions } from '../../src/config/options.js'
import type { KnownKey, ServerKeyEvent } from '../../src/keys/known-servers.js'
import { ServerKey } from '../../src/wire-1/server-key.js'
import { WireSelection, type WireChoice } from '../../src/wire-2/selection.js'
import { testKey } from '../support.js'

const HOUR_SECONDS = 3600

const kem = await loadHybridKem()
export const requestKey = await createRequestKey(kem, { id: 7 })
export const keyList = encodeKeyList([requestKey])

/** Identity keys: of the gateway, of its next one, and of an attacker. */
export const [ours, next, foreign] = await Promise.all(
  [1, 2, 3].map(async () => (await generateIdentityKey()).key),
).then((keys) => keys as [IdentityKey, IdentityKey, IdentityKey])

/** Answers one request. */
type Answer = (response: ServerResponse, body: Uint8Array, url: URL) => unknown

/** A gateway that publishes a statement; every answer can be replaced. */
export interface StatementServer {
  readonly url: string
  /** Method and path of the requests so far. */
  readonly seen: string[]
  /** The `Authorization` headers among them. */
  readonly authorizations: string[]
  rsaKey: KeyPair
  /** The identities that sign. */
  signers: readonly IdentityKey[]
  /** Deviations of the statement from the default. */
  content: Partial<StatementContent>
  /** Answers in place of the default ones, by method and path. */
  readonly answers: Record<string, Answer>
  /** The document as it is served now. */
  readonly document: () => Promise<Uint8Array>
}

/** Starts a gateway on loopback for one test. */
export async function startStatementServer(
  given: Partial<StatementServer> = {},
): Promise<StatementServer> {
  const rsaKey = await testKey('server')
  const statement = (): Uint8Array => {
    const now = Math.floor(Date.now() / 1000)
    return encodeStatement({
      notBefore: now - 60,
      notAfter: now + 2 * HOUR_SECONDS,
      keyList,
      minWire: '1.0',
      rsaKeys: [state.rsaKey.publicKey.fingerprint],
      identities: state.signers.map(({ fingerprint }) => fingerprint),
      maxRequest: 2 ** 24,
      maxChunk: 65_536,
      routes: ['POST /v1/chat/completions'],
      ...state.content,
    })
  }
  let held: { readonly of: string; readonly bytes: Uint8Array } | undefined
  /** The same bytes until a setting changes. */
  const current = (): Uint8Array => {
    const of = JSON.stringify([state.content, state.signers, state.rsaKey.publicKey.fingerprint])
    if (held?.of !== of) held = { of, bytes: statement() }
    return held.bytes
  }
  const state: StatementServer = {
    url: '',
    seen: [],
    authorizations: [],
    rsaKey,
    signers: [ours],
    content: {},
    answers: {},
    document: () => signStatement(current(), state.signers),
    ...given,
  }
  const answers: Record<string, Answer> = {
    'GET /pki/wire2': async (response) => response.end(await state.document()),
    'GET /pki/public_key': (response) => response.end(state.rsaKey.publicKey.pem),
    'POST /pki/wire2/vouch': async (response, body) => {
      const { plaintext } = await openEnvelope(body, state.rsaKey.privateKey)
      const answer = await answerVouch(plaintext, current())
      if (answer === undefined) response.writeHead(409).end('{"detail":"changed"}')
      else response.end(answer)
    },
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://server')
      const name = `${String(request.method)} ${url.pathname}`
      state.seen.push(name)
      const { authorization } = request.headers
      if (authorization !== undefined) state.authorizations.push(authorization)
      const answer = state.answers[name] ?? answers[name]
      if (answer === undefined) response.writeHead(404).end()
      else void Promise.resolve(answer(response, Buffer.concat(chunks), url))
    })
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(state, { url: `http://127.0.0.1:${String(port)}` })
}

/** Answers with a status and nothing else. */
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end('{}')

/** Answers as a gateway without wire 2. */
export function stripWire2(server: StatementServer): void {
  for (const name of ['GET /pki/wire2', 'POST /pki/wire2/vouch']) server.answers[name] = status(404)
}

/** A selection of a client, as the client uses it. */
export interface Selecting {
  readonly selection: WireSelection
  readonly choose: (signal?: AbortSignal) => Promise<WireChoice>
  readonly events: ServerKeyEvent[]
  readonly attestation: KeyAttestation | undefined
}

/** Creates a selection with the options of a client. */
export function select(
  { url }: Pick<StatementServer, 'url'>,
  options: SecureChatCompletionOptions = {},
): Selecting {
  const events: ServerKeyEvent[] = []
  const config = readConfig({
    baseUrl: url,
    allowHttp: true,
    logger: { warn: () => undefined },
    onServerKey: (event) => events.push(event),
    ...options,
  })
  const transport = createHttpTransport({ baseUrl: config.baseUrl })
  const attestation =
    config.attestation && new KeyAttestation(transport, config, config.attestation)
  const serverKey = new ServerKey(transport, config)
  const selection = new WireSelection({ transport, config, attestation, serverKey })
  return {
    selection,
    attestation,
    choose: (signal = new AbortController().signal) => selection.choose(signal),
    events,
  }
}

/** A store in memory that keeps which wire a key serves. */
export function memoryStore(keys: readonly KnownKey[] = []) {
  const known = [...keys]
  const fingerprints = () => known.map(({ fingerprint }) => fingerprint)
  return {
    known,
    fingerprintsOf: () => Promise.resolve(fingerprints()),
    add: (_server: string, fingerprint: string) =>
      Promise.resolve(void known.push({ fingerprint })),
    keysOf: () => Promise.resolve([...known]),
    addKeys: (
      _server: string,
      added: readonly KnownKey[],
      { onlyFirst = false }: { readonly onlyFirst?: boolean } = {},
    ) => {
      const before = [...known]
      if (!onlyFirst || before.length === 0) known.push(...added)
      return Promise.resolve(before)
    },
  }
}
