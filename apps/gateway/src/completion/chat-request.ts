import { ConfidentialRefusal, errorObject } from '../confidential-refusal.js'
import type { ChatRequest } from '../upstreams/engine.js'

/**
 * Checks the members that every engine relies on. Refusals name members, never their values: they are
 * sent in plaintext.
 *
 * @throws ConfidentialRefusal 400
 */
export function parseChatRequest(value: Record<string, unknown>): ChatRequest {
  const model = Object.hasOwn(value, 'model') ? value['model'] : undefined
  const messages = Object.hasOwn(value, 'messages') ? value['messages'] : undefined
  if (typeof model !== 'string' || model === '') {
    throw invalid('model', 'model must be a non-empty string')
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('messages', 'messages must be a non-empty array')
  }
  if (!messages.every(isMessage)) {
    throw invalid('messages', 'every message must be an object with a role')
  }
  return value as ChatRequest
}

/** Creates the refusal of a member. Its fixed text is sent in plaintext, and once more encrypted. */
function invalid(param: string, detail: string): ConfidentialRefusal {
  const facts = { message: detail, type: 'invalid_request_error', code: 'invalid_value', param }
  return new ConfidentialRefusal(400, detail, errorObject(400, facts))
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
