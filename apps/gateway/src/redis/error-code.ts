/** Codes of Redis itself, at the beginning of a reply or inside the text of a failed script. */
const REPLY_CODES = [
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'OOM',
  'NOPERM',
  'NOAUTH',
  'WRONGPASS',
  'CROSSSLOT',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'MISCONF',
  'NOREPLICAS',
  'NOSCRIPT',
  'BUSY',
  'WRONGTYPE',
] as const

/** Codes of the connection. */
const CONNECTION_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
] as const

/**
 * Cause of a failure of Redis, from a set that is bounded: a code of Redis (`ERR` where it has no other),
 * a code of the connection, `TLS` for every error of it, `PROTOCOL` for a server of another kind, `TIMEOUT` for no answer in time, `SENTINEL` where no
 * Sentinel knows a master, `CLOSED` without a connection, `QUEUE_FULL` where too many commands wait, or
 * `OTHER`.
 */
export type RedisErrorCode =
  | (typeof REPLY_CODES)[number]
  | (typeof CONNECTION_CODES)[number]
  | 'ERR'
  | 'TLS'
  | 'PROTOCOL'
  | 'TIMEOUT'
  | 'SENTINEL'
  | 'CLOSED'
  | 'QUEUE_FULL'
  | 'OTHER'

/** Codes of a server that cannot write now, while another one at the same address may. */
export const TRY_ANOTHER_SERVER: ReadonlySet<RedisErrorCode> = new Set<RedisErrorCode>([
  'READONLY',
  'LOADING',
  'MASTERDOWN',
])

/** Reports whether a code is a refusal by Redis, rather than a failure to reach it. */
export const isRefusal = (code: RedisErrorCode): boolean =>
  code === 'ERR' || REPLY_CODES.some((known) => known === code)

/** Failure of Redis. Neither a command nor a value is part of it. */
export class RedisError extends Error {
  override readonly name = 'RedisError'
  readonly code: RedisErrorCode

  constructor(code: RedisErrorCode) {
    super(`Redis fails (${code}).`)
    this.code = code
  }
}

/** Returns the cause of an error of the client; undefined where the error does not have one. */
export function redisErrorCode(error: unknown): RedisErrorCode | undefined {
  if (error instanceof RedisError) return error.code
  if (!(error instanceof Error)) return undefined
  if (error.name === 'ReplyError') return replyCode(error.message)
  // Of a cluster none of whose nodes answers.
  if ('lastNodeError' in error) return redisErrorCode(error.lastNodeError)
  const code = 'code' in error ? error.code : undefined
  if (typeof code !== 'string') return undefined
  return CONNECTION_CODES.find((known) => known === code) ?? (isTlsCode(code) ? 'TLS' : 'OTHER')
}

/** Redis has no other place for the code than the text, and scripts wrap it into another text. */
function replyCode(text: string): RedisErrorCode {
  const first = /^-?([A-Z]+)\b/.exec(text)?.[1]
  const known = REPLY_CODES.find((code) => code === first)
  if (known !== undefined) return known
  const words = new Set(text.match(/\b[A-Z]{3,}\b/g))
  const inside = REPLY_CODES.find((code) => words.has(code))
  if (inside !== undefined) return inside
  // Since version 7, a script that runs a command without the right to has no code of its own.
  if (/user executing the script/i.test(text)) return 'NOPERM'
  return first === 'ERR' ? 'ERR' : 'OTHER'
}

const isTlsCode = (code: string): boolean =>
  /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO|HOSTNAME_MISMATCH)/.test(
    code,
  )
