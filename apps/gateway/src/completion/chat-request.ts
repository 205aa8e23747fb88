import { HttpError } from '../http-error.js'
import type { ChatRequest } from '../upstreams/engine.js'

/**
 * Checks the members that every engine relies on. Refusals name members, never their values: they are
 * sent in plaintext.
 *
 * @throws HttpError 400
 */
export function parseChatRequest(value: Record<string, unknown>): ChatRequest {
  const model = Object.hasOwn(value, 'model') ? value['model'] : undefined
  const messages = Object.hasOwn(value, 'messages') ? value['messages'] : undefined
  if (typeof model !== 'string' || model === '') {
    throw new HttpError(400, 'model must be a non-empty string')
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new HttpError(400, 'messages must be a non-empty array')
  }
  if (!messages.every(isMessage)) {
    throw new HttpError(400, 'every message must be an object with a role')
  }
  return value as ChatRequest
}

function isMessage(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.hasOwn(value, 'role') &&
    typeof (value as { role: unknown }).role === 'string'
  )
}
