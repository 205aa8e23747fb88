import { printable } from '@nomyo-internal/diagnostics'
import { isContextOverflow } from './context-overflow.js'
import { errorObject, type ErrorObject } from '../../confidential-refusal.js'

/** Depth of wrappers around an error, such as `[{ "error": { ... } }]`. */
const MAX_DEPTH = 4
/** Errors of a validation that are kept. */
const MAX_DETAILS = 5

type Facts = Readonly<Record<string, unknown>>

/**
 * Reads the error of a model server, whose servers write it in many shapes: OpenAI and llama.cpp
 * (`{ error: { message, type, param, code } }`), vLLM (`{ object: "error", message, ... }`), Ollama and TGI
 * (`{ error: "text" }`), FastAPI (`{ detail: "text" }`, or a list of what is invalid), and plain text.
 *
 * @param status - status of the answer; undefined for an error within a success, and for a status that HTTP
 *   does not have: it is derived then
 */
export function readForeignError(status: number | undefined, text: string): ErrorObject {
  const facts = unwrap(parse(text), MAX_DEPTH) ?? {
    message: isPage(text) ? undefined : text.trim(),
  }
  const message = typeof facts['message'] === 'string' ? printable(facts['message']) : undefined
  const given = errorObject(status ?? statusOf(facts), { ...facts, message })
  // Agents shorten the conversation by this code, and most model servers have none.
  return isContextOverflow(given)
    ? {
        ...given,
        status: given.status === 500 ? 400 : given.status,
        code: 'context_length_exceeded',
      }
    : given
}

const isPresent = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && value !== false

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Pages of proxies before a model server say nothing that a caller could use. */
const isPage = (text: string): boolean => /^\s*</.test(text)

function unwrap(value: unknown, depth: number): Facts | undefined {
  if (depth === 0) return undefined
  if (typeof value === 'string') return { message: value }
  if (Array.isArray(value)) return unwrap(value[0], depth - 1)
  if (typeof value !== 'object' || value === null) return undefined
  const { error, detail, errors, message, ...others } = value as Facts
  if (Array.isArray(detail)) return invalidMembers(detail)
  const [inner] = [error, detail, errors].filter(isPresent)
  if (inner !== undefined) {
    const type = others['error_type'] ?? (typeof inner === 'string' ? others['type'] : undefined)
    return { type, ...unwrap(inner, depth - 1) }
  }
  if (typeof message === 'object') return { ...others, ...unwrap(message, depth - 1) }
  return isPresent(message) ? { ...others, message } : undefined
}

/** Reads what FastAPI finds invalid: `[{ loc: ["body", "messages", 0], msg: "Field required" }]`. */
function invalidMembers(details: readonly unknown[]): Facts {
  const invalid = details
    .filter((detail): detail is Facts => typeof detail === 'object' && detail !== null)
    .slice(0, MAX_DETAILS)
    .map(({ loc, msg }) => ({
      path: pathOf(loc),
      problem: typeof msg === 'string' ? msg : 'invalid',
    }))
  return {
    message: invalid.map(({ path, problem }) => `${path}: ${problem}`).join('; '),
    type: 'invalid_request_error',
    param: invalid[0]?.path,
  }
}

function pathOf(location: unknown): string {
  if (!Array.isArray(location)) return ''
  const members = location[0] === 'body' ? location.slice(1) : location
  return members.filter((member) => ['string', 'number'].includes(typeof member)).join('.')
}

const STATUS_OF_NAME: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['badrequesterror', 400],
  ['context_length_exceeded', 400],
  ['exceed_context_size_error', 400],
  ['authentication_error', 401],
  ['invalid_api_key', 401],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['notfounderror', 404],
  ['model_not_found', 404],
  ['rate_limit_error', 429],
  ['rate_limit_exceeded', 429],
  ['insufficient_quota', 429],
  ['overloaded_error', 503],
  ['unavailable_error', 503],
])

/** Derives a status from the members of an error, of which servers fill different ones. */
function statusOf({ status, code, type }: Facts): number {
  for (const candidate of [status, code]) {
    const number = Number(candidate)
    if (Number.isInteger(number) && number >= 400 && number <= 599) return number
  }
  for (const name of [code, type]) {
    const known = typeof name === 'string' ? STATUS_OF_NAME.get(name.toLowerCase()) : undefined
    if (known !== undefined) return known
  }
  return 500
}
