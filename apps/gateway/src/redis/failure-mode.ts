/** Behaviour without Redis: refuse, or continue with the local state of this gateway. */
export type OnFailure = 'closed' | 'degrade'

/** Behaviour without Redis, for each of its uses. */
export interface RedisFailure {
  readonly replay: OnFailure
  readonly rate: OnFailure
}

/** An answered replay reveals a secret; a limit that is local for a while does not. */
export const DEFAULT_REDIS_FAILURE: RedisFailure = { replay: 'closed', rate: 'degrade' }

/** Parses `closed`, `degrade` or `replay=closed,rate=degrade`; returns undefined for other texts. */
export function parseRedisFailure(text: string): RedisFailure | undefined {
  if (isOnFailure(text)) return { replay: text, rate: text }
  const given = new Map(text.split(',').map((part) => splitOnce(part.trim())))
  const { replay, rate } = { ...DEFAULT_REDIS_FAILURE, ...Object.fromEntries(given) }
  const known = [...given.keys()].every((name) => name === 'replay' || name === 'rate')
  return known && isOnFailure(replay) && isOnFailure(rate) ? { replay, rate } : undefined
}

const isOnFailure = (text: string): text is OnFailure => text === 'closed' || text === 'degrade'

function splitOnce(part: string): readonly [string, string] {
  const at = part.indexOf('=')
  return [part.slice(0, Math.max(at, 0)), part.slice(at + 1)]
}
