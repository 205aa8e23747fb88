import { createHash } from 'node:crypto'
import {
  encodeKeyList,
  encodeStatement,
  signStatement,
  type IdentityKey,
} from '@nomyo/crypto/wire-2'
import type { Generation } from './generation.js'
import type { PublishedKeys } from './request-keys.js'
import type { Schedule } from './schedule.js'

/** The limits of wire 2 that a statement names. */
export interface StatementTerms {
  readonly minWire: '1.0' | '2'
  /** Most bytes of an encrypted request. */
  readonly maxRequest: number
  /** Most bytes of an encrypted form with a file. */
  readonly maxUpload?: number
}

/** Keys that a statement names, and those that sign it. */
export interface StatementKeys {
  /** Fingerprints of all RSA keys that decrypt. */
  readonly rsaKeys: readonly string[]
  /** Oldest first. */
  readonly identities: readonly IdentityKey[]
}

/** Plaintext of a chunk after the first: larger ones are encrypted faster. */
export const MAX_CHUNK_BYTES = 131_072

/** Method and path of the requests that are answered; `{id}` stands for the name of a model. */
export const ROUTES = [
  'POST /v1/chat/completions',
  'POST /v1/completions',
  'POST /v1/embeddings',
  'POST /v1/responses',
  'POST /v1/rerank',
  'POST /v1/images/generations',
  'POST /v1/audio/speech',
  'POST /v1/audio/transcriptions',
  'POST /v1/audio/translations',
  'GET /v1/models',
  'GET /v1/models/{id}',
] as const

/** One of {@link ROUTES}. */
export type RouteName = (typeof ROUTES)[number]

/** A statement names no smaller limit, so that the first chunk always fits. */
const LEAST_REQUEST_BYTES = 32 * 1024

/** Returns the most bytes of an encrypted request. */
export const maxRequestBytes = (maxBodyBytes: number): number =>
  Math.max(maxBodyBytes, LEAST_REQUEST_BYTES)

const DEFAULT_UPLOAD_BYTES = 128 * 1024 * 1024

/** Returns the most bytes of an encrypted form with a file. */
export const maxUploadBytes = ({
  maxBodyBytes,
  maxUploadBytes: configured = DEFAULT_UPLOAD_BYTES,
}: {
  readonly maxBodyBytes: number
  readonly maxUploadBytes?: number | undefined
}): number => Math.max(configured, maxRequestBytes(maxBodyBytes))

/**
 * Creates the statement of a generation of keys, the same bytes for the same input, so that gateways that
 * share all keys publish the same one.
 */
export async function createStatement(
  { period, keys }: Generation,
  { rsaKeys, identities }: StatementKeys,
  { minWire, maxRequest, maxUpload = maxRequest }: StatementTerms,
  schedule: Schedule,
): Promise<PublishedKeys> {
  const keyList = encodeKeyList(keys)
  const usedFrom = Math.ceil(schedule.startOf(period) / 1000)
  const expiresAt = Math.floor(schedule.endOf(period) / 1000)
  const statement = encodeStatement({
    notBefore: usedFrom,
    notAfter: expiresAt,
    keyList,
    minWire,
    rsaKeys: [...rsaKeys].sort(),
    identities: identities.map(({ fingerprint }) => fingerprint),
    maxRequest,
    maxUpload: maxUpload > maxRequest ? maxUpload : undefined,
    maxChunk: MAX_CHUNK_BYTES,
    routes: ROUTES,
  })
  return {
    document: await signStatement(statement, identities),
    statement,
    sha256: createHash('sha256').update(statement).digest('hex'),
    keyList,
    usedFrom,
    renewedAt: Math.ceil(schedule.startOf(period + 1) / 1000),
    expiresAt,
  }
}
