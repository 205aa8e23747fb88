import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { SecurityError } from '@nomyo/crypto'
import {
  GATEWAY_PATH,
  MEDIA_TYPES,
  encodeRequest,
  loadHybridKem,
  sealRequest,
  type ChunkOpener,
  type KeyStatement,
} from '@nomyo/crypto/wire-2'
import { createUndiciFetch } from '@nomyo/transport/undici'
import type { GatewaySettings } from '../settings/gateway-settings.js'

const TIMEOUT_MS = 30_000
/** A refusal takes far less. */
const MAX_ANSWER_BYTES = 64 * 1024
const LET_PASS = `configure proxies and firewalls to pass POST ${GATEWAY_PATH} and its media types unchanged`
/** Fields by which a gateway asks the path not to hold answers back, and their value. */
const PACING = { incremental: '?1', 'cache-control': 'no-transform' } as const

/**
 * Sends an encrypted request for a route that does not exist, without an API key: its refusal shows whether
 * the path passes messages of wire 2 as they are.
 */
export async function checkPath(
  { gateway, relay }: Pick<GatewaySettings, 'gateway' | 'relay'>,
  statement: KeyStatement,
): Promise<Finding> {
  const kem = await loadHybridKem()
  const config = statement.keys.find(({ kemId }) => kemId === kem.id)
  if (config === undefined) {
    return problem('the key statement has no post-quantum key', 'ask the operator')
  }
  const message = encodeRequest({
    method: 'POST',
    scheme: 'https',
    authority: new URL(gateway).host,
    path: '/v1/nomyo-doctor',
    fields: [
      ['date', new Date().toUTCString()],
      ['content-type', 'application/json'],
    ],
    content: new TextEncoder().encode('{}'),
  })
  const { body, openAnswer } = await sealRequest(kem, config, message)
  const connections = createUndiciFetch()
  try {
    const response = await connections.fetch(exchangeUrl(gateway, relay), {
      method: 'POST',
      headers: { 'content-type': MEDIA_TYPES.request, accept: MEDIA_TYPES.answer },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const { status, headers } = response
    const type = headers.get('content-type') ?? 'none'
    if (status !== 200 || type !== MEDIA_TYPES.answer) {
      await response.body?.cancel()
      return problem(
        `a message of wire 2 was answered with status ${String(status)}, type ${type}`,
        LET_PASS,
      )
    }
    await readAnswer(response, openAnswer({ maxBytes: MAX_ANSWER_BYTES }))
    return describeHeaders(headers)
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    return problem(`an answer of wire 2 arrived changed, or cut off (${error.code})`, LET_PASS)
  } finally {
    void connections.close()
  }
}

/** Address of encrypted requests: the relay, whose URL may have a path of its own, or the gateway. */
function exchangeUrl(gateway: string, relay: string | undefined): string {
  if (relay === undefined) return `${gateway}${GATEWAY_PATH}`
  const url = new URL(relay)
  return url.pathname === '/' ? url.origin + GATEWAY_PATH : url.href
}

/**
 * Decrypts an answer to its end, and no further than its limit.
 *
 * @throws SecurityError where it is none, or not whole
 */
async function readAnswer(response: Response, answer: ChunkOpener): Promise<void> {
  const reader = response.body?.getReader()
  try {
    for (;;) {
      const part = await reader?.read()
      if (part?.value === undefined) break
      await answer.push(part.value)
    }
    await answer.end()
  } finally {
    answer.dispose()
    await reader?.cancel().catch(() => undefined)
  }
}

function describeHeaders(headers: Headers): Finding {
  const encoding = headers.get('content-encoding')
  if (encoding !== null) {
    return warning(`answers arrive compressed by the path (${encoding})`, LET_PASS)
  }
  const removed = Object.entries(PACING).flatMap(([name, value]) =>
    (headers.get(name) ?? '').includes(value) ? [] : [name],
  )
  if (removed.length === 0) {
    return ok('messages of wire 2 pass unchanged')
  }
  return warning(
    `messages of wire 2 pass, but the path changes ${removed.join(' and ')}: it may hold answers back`,
    'configure proxies to pass these headers, and turn off their buffering for this path',
  )
}
