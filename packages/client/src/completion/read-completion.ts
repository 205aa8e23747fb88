import type { AttestationResult } from '@nomyo/attest'
import { SecurityError } from '@nomyo/crypto/errors'
import type { OpenedJson } from '@nomyo/crypto'
import type { SealedError } from '@nomyo/transport'
import { isObject } from '../config/checks.js'
import type { ChatCompletion, ResponseMetadata } from '../types/response.js'

/**
 * Checks that a decrypted answer does not name another request. Servers of the reference kind name
 * none; their answers pass.
 *
 * @throws SecurityError `ERR_REPLY_MISMATCH`, `ERR_PLAINTEXT_INVALID`
 */
export function checkPayloadId(answer: Record<string, unknown>, payloadId: string): void {
  const answered = sealedMetadata(answer)['payload_id'] ?? payloadId
  if (answered !== payloadId) throw mismatch()
}

/** Creates the error for an answer to another request. */
export const mismatch = (): SecurityError =>
  new SecurityError('ERR_REPLY_MISMATCH', 'The answer is for another request and was not used.')

/** Longer texts of an error are cut: it is copied into logs and messages. */
const MAX_ERROR_CHARACTERS = 8192

/** Reads the error that was encrypted; undefined for anything else. */
export function toSealedError(error: unknown): SealedError | undefined {
  if (!isObject(error)) return undefined
  const text = (name: string): string | null => {
    const value = error[name]
    return typeof value === 'string' ? value.slice(0, MAX_ERROR_CHARACTERS) : null
  }
  const status = Number(error['status'])
  const message = text('message')
  if (message === null || !/^[45]\d\d$/.test(String(status))) return undefined
  return { status, message, type: text('type'), param: text('param'), code: text('code') }
}

/**
 * Builds the completion with its `_metadata`: what the server encrypted, overridden by what this client
 * knows itself.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`
 */
export function toChatCompletion(
  opened: Pick<OpenedJson, 'value' | 'processedAt' | 'algorithm'>,
  payloadId: string,
  attestation?: AttestationResult,
  facts: Pick<ResponseMetadata, 'wire'> = {},
): ChatCompletion {
  // A result is never the server's own.
  const { attestation: _theirs, ...sealed } = sealedMetadata(opened.value)
  const answer = {
    ...opened.value,
    _metadata: {
      ...sealed,
      payload_id: payloadId,
      processed_at: opened.processedAt,
      is_encrypted: true,
      encryption_algorithm: opened.algorithm,
      ...facts,
      ...(attestation === undefined ? {} : { attestation }),
    },
  }
  // Other members are not checked, as in every OpenAI client.
  return answer as unknown as ChatCompletion
}

/**
 * Checks the members that every reader of a completion relies on: a list of choices, each with a message.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`
 */
export function checkChoices({ choices }: { readonly choices?: unknown }): void {
  const hasMessage = (choice: unknown): boolean => isObject(choice) && isObject(choice['message'])
  if (!Array.isArray(choices) || !choices.every(hasMessage)) throw malformed()
}

/** Returns the metadata as the server encrypted it. */
export function sealedMetadata(answer: Record<string, unknown>): Record<string, unknown> {
  const metadata = Object.hasOwn(answer, '_metadata') ? answer['_metadata'] : {}
  if (isObject(metadata)) return metadata
  throw malformed()
}

/** Creates the error for an answer that decrypts, and is no chat completion. */
export const malformed = (): SecurityError =>
  new SecurityError(
    'ERR_PLAINTEXT_INVALID',
    'The answer is not a chat completion and was not used.',
  )
