/** What to do without Redis: refuse, or go on with what this gateway knows by itself. */
export type OnFailure = 'closed' | 'degrade'

/** The same for each thing that Redis is asked for. */
export interface RedisFailure {
  readonly replay: OnFailure
  readonly rate: OnFailure
}

/** A replay answered is a secret lost; a limit that is only local for a while is not. */
export const DEFAULT_REDIS_FAILURE: RedisFailure = { replay: 'closed', rate: 'degrade' }

/** Reads `closed`, `degrade` or `replay=closed,rate=degrade`; undefined where it is neither. */
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
