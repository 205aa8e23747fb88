import { isObject } from './checks.js'

/** Parses a text, or a body, as a JSON object; undefined for anything else. */
export function parseObject(json: string | Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = typeof json === 'string' ? json : new TextDecoder().decode(json)
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
