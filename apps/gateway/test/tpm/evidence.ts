import { randomUUID } from 'node:crypto'
import { appraise, pinnedAk, type AttestationResult, type NonceExpectation } from '@nomyo/attest'
import { expect } from 'vitest'
import { chat, complete, get, type Answer } from '../support.js'

interface Target {
  readonly url: string
}

/** A result for every answer: which checks failed, and what the key is worth. */
export async function appraiseEvidence(
  evidence: unknown,
  nonce: NonceExpectation,
  akName: string,
): Promise<{ failed: string[]; result: AttestationResult }> {
  const result = await appraise(evidence, {
    nonce,
    requiredPcrs: 'sha256:0,7,10',
    trust: [pinnedAk(Buffer.from(akName, 'hex'))],
  })
  const failed = result.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)
  return { failed, result }
}

/** The Name a starting gateway gives out for pinning. */
export function akNameIn(stderr: string): string {
  const name = /"attestation key (000b[0-9a-f]{64})\b/m.exec(stderr)?.[1]
  if (name === undefined) throw new Error(`no attestation key in: ${stderr}`)
  return name
}

/** The evidence of an answer to a chat request. */
export async function evidenceOfAnswer(
  gateway: Target,
  payloadId: string = randomUUID(),
): Promise<unknown> {
  const completion = await complete(gateway, chat('Hello!'), { 'x-payload-id': payloadId })
  return completion._metadata['tpm_attestation']
}

/** Bytes no two calls share. */
export const newNonce = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32))

/** Asks for a quote of the server key. Loopback has many addresses, for limits that count them. */
export function askForAttestation(
  gateway: Target,
  nonce: Uint8Array | string = newNonce(),
  options: { readonly from?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const query =
    typeof nonce === 'string' ? nonce : `nonce=${Buffer.from(nonce).toString('base64url')}`
  return get(gateway, `/pki/attestation${query === '' ? '' : `?${query}`}`, options)
}

/** Reads the key statement and its evidence from an answer. */
export function statementEvidenceIn(answer: Answer): {
  document: Uint8Array
  tpm_attestation: unknown
} {
  expect(answer.status).toBe(200)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const body = JSON.parse(new TextDecoder().decode(answer.bytes)) as Record<string, unknown>
  expect(Object.keys(body)).toEqual(['statement', 'signatures', 'tpm_attestation'])
  const { tpm_attestation, ...published } = body
  return { document: new TextEncoder().encode(JSON.stringify(published)), tpm_attestation }
}

/** Reads the server key and its evidence from an answer. */
export function attestationIn(answer: Answer): { public_key: string; tpm_attestation: unknown } {
  expect(answer.status).toBe(200)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const body = JSON.parse(new TextDecoder().decode(answer.bytes)) as never
  expect(Object.keys(body).sort()).toEqual(['public_key', 'tpm_attestation'])
  return body
}
