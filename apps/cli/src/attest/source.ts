import { readFileSync, statSync } from 'node:fs'
import { RECEIPT_FORMAT } from '@nomyo/attest/receipt'
import { importPublicKey } from '@nomyo/crypto'
import { UsageError } from '../exit-codes.js'
import { askGateway, type GatewayAnswer } from './gateway.js'

/** Evidence, and what its source says it was made for. */
export interface Source {
  /** The `tpm_attestation` object, unjudged. */
  readonly evidence: unknown
  /** Of a saved answer. */
  readonly payloadId?: string
  /** SubjectPublicKeyInfo (DER) of the key a gateway asked it for. */
  readonly spki?: Uint8Array
  /** Set when the gateway was asked just now. */
  readonly gateway?: GatewayAnswer
}

/** A saved answer with a long completion. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

/**
 * Reads evidence from a file, standard input or a gateway.
 *
 * @throws UsageError for what cannot be read or holds no evidence
 */
export async function readSource(source: string, allowHttp: boolean): Promise<Source> {
  if (isUrl(source)) {
    const gateway = await askGateway(source, allowHttp)
    return { evidence: gateway.evidence, spki: gateway.spki, gateway }
  }
  return sourceFromText(readText(source), source)
}

/**
 * The same of a text that was read already: standard input can be read only once.
 *
 * @throws UsageError
 */
export const sourceFromText = async (text: string, path: string): Promise<Source> =>
  fromJson(parseJson(text, path), path)

/** Whether a source is a gateway to be asked. */
export const isUrl = (source: string): boolean => /^https?:\/\//.test(source)

/** @throws UsageError */
export function readText(path: string): string {
  return new TextDecoder().decode(readBytes(path))
}

/** @throws UsageError */
export function readBytes(path: string): Uint8Array {
  try {
    if (path !== '-' && statSync(path).size > MAX_FILE_BYTES) {
      throw new UsageError(`${path} is larger than 64 MiB`)
    }
    return readFileSync(path === '-' ? 0 : path)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path} cannot be read: ${reasonOf(error)}`)
  }
}

/** @throws UsageError */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new UsageError(`${path} is not JSON`)
  }
}

async function fromJson(json: unknown, path: string): Promise<Source> {
  if (member(json, 'format') === RECEIPT_FORMAT) {
    const payloadId = member(json, 'payloadId')
    return {
      evidence: member(json, 'evidence'),
      ...(typeof payloadId === 'string' ? { payloadId } : {}),
    }
  }
  const metadata = member(json, '_metadata')
  if (metadata !== undefined) {
    const payloadId = member(metadata, 'payload_id')
    const evidence = member(metadata, 'tpm_attestation')
    if (evidence === undefined) throw new UsageError(`the answer in ${path} came without evidence`)
    return { evidence, ...(typeof payloadId === 'string' ? { payloadId } : {}) }
  }
  const evidence = member(json, 'tpm_attestation')
  if (evidence !== undefined) {
    const pem = member(json, 'public_key')
    return { evidence, ...(typeof pem === 'string' ? { spki: await spkiOf(pem, path) } : {}) }
  }
  if (member(json, 'is_available') !== undefined) return { evidence: json }
  throw new UsageError(
    `${path} holds no evidence: neither an answer with _metadata nor a tpm_attestation object`,
  )
}

async function spkiOf(pem: string, path: string): Promise<Uint8Array> {
  try {
    return (await importPublicKey(pem, { minBits: 2048 })).spkiDer
  } catch {
    throw new UsageError(`the public_key in ${path} is no RSA key`)
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** The code of a system error, which says more than its text. */
function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
