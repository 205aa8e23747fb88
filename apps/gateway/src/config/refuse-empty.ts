import { GatewayError } from '../errors.js'
import type { GatewayConfig } from './config.js'
import { pathText, type Path } from './issues.js'

/**
 * Refuses settings that are named and empty, whatever program passes them: an empty password or path must
 * not count as none.
 *
 * @throws GatewayError `ERR_CONFIG` that names the member
 */
export function refuseEmptySettings(config: GatewayConfig): void {
  const empty = findEmpty(config, [])
  if (empty === undefined) return
  throw new GatewayError('ERR_CONFIG', `${pathText(empty)} is empty: give it a value, or omit it.`)
}

function findEmpty(value: unknown, path: Path): Path | undefined {
  if (typeof value === 'string') return value.trim() === '' ? path : undefined
  if (typeof value !== 'object' || value === null) return undefined
  const entries: readonly (readonly [PropertyKey, unknown])[] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value)
  for (const [name, member] of entries) {
    const found = findEmpty(member, [...path, name])
    if (found !== undefined) return found
  }
  return undefined
}
