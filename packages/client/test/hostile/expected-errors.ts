import { inspect } from 'node:util'
import type { Fault } from '@nomyo/testkit'
import { expect } from 'vitest'
import { connect, contentOf, failureOf, hello } from './support.js'

export const apiKey = 'a-secret-key'
const words = 'secret words'
export const request = { ...hello, messages: [{ role: 'user' as const, content: words }] }

/** A fault and the error it must cause. */
export type Expected = readonly [
  fault: Fault,
  errorClass: abstract new (...given: never[]) => Error,
  code: string,
]

/** Checks the class and code of an error, and that it holds neither API key nor prompt. */
export function expectError(error: unknown, errorClass: Expected[1], code: string): void {
  expect(error).toBeInstanceOf(errorClass)
  expect(error).toMatchObject({ code })
  const everything = inspect(error, { depth: 20, showHidden: true })
  expect(everything).not.toContain(apiKey)
  expect(everything).not.toContain(words)
}

/** Checks that a call under a lasting fault is tried twice, encrypted anew, and ends in the error. */
export async function expectRetried(
  [fault, errorClass, code]: Expected,
  timeout = 60_000,
): Promise<void> {
  const { gateway, client } = await connect({ apiKey })
  await client.create(request)
  gateway.clear()
  gateway.always(fault)
  const asked = { ...request, security_tier: 'high' as const }
  const error = await failureOf(client.create(asked, { maxRetries: 1, timeout }))
  expectError(error, errorClass, code)
  const [first, second, ...more] = gateway.requests
  expect(more).toHaveLength(0)
  expect(second?.payloadId).not.toBe(first?.payloadId)
  expect(error).toMatchObject({ payloadId: second?.payloadId })
  for (const part of ['ciphertext', 'nonce', 'tag', 'encrypted_aes_key']) {
    expect(partOf(second?.envelope, part)).not.toBe(partOf(first?.envelope, part))
  }
  expect(second?.request).toEqual(first?.request)
  expect([first?.securityTier, second?.securityTier]).toEqual(['high', 'high'])
  expect(second?.headers.authorization).toBe(`Bearer ${apiKey}`)
  expect(gateway.keyFetches).toHaveLength(0)
}

/** Checks that a call succeeds after one response with a fault. */
export async function expectRecovery(fault: Fault, timeout = 60_000): Promise<void> {
  const { gateway, client } = await connect()
  await client.create(hello)
  gateway.next(fault)
  expect(contentOf(await client.create(hello, { maxRetries: 1, timeout }))).toBe('Hello!')
}

/** Returns a part of an envelope, by its name on the wire. */
function partOf(envelope: Uint8Array | undefined, name: string): unknown {
  const parsed = JSON.parse(new TextDecoder().decode(envelope)) as Record<string, unknown>
  const payload = parsed['encrypted_payload'] as Record<string, unknown>
  const part = payload[name] ?? parsed[name]
  expect(part).toEqual(expect.any(String))
  return part
}
