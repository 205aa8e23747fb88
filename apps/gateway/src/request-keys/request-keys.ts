import type { RequestKey } from '@nomyo/crypto/wire-2'
import type { FastifyBaseLogger } from 'fastify'

/** The statement that clients read, with its parts. */
export interface PublishedKeys {
  /** The body of `GET /pki/wire2`: the statement and its signatures, as JSON. */
  readonly document: Uint8Array
  /** The signed bytes. */
  readonly statement: Uint8Array
  /** SHA-256 of the statement, in lower-case hexadecimal digits. */
  readonly sha256: string
  /** The keys as `application/ohttp-keys`. */
  readonly keyList: Uint8Array
  /** Unix time in seconds from which the listed keys are used. */
  readonly usedFrom: number
  /** Unix time in seconds at which the next keys are listed. */
  readonly renewedAt: number
  /** Unix time in seconds at which clients no longer accept the statement. */
  readonly expiresAt: number
}

/** The keys that requests of wire 2 are encrypted to, in memory only. */
export interface RequestKeys {
  /** Returns all keys that decrypt now: the listed ones, the ones of before, and the next ones. */
  opening(): readonly RequestKey[]
  /** Returns the statement in force; undefined while there is none, because keys could not be renewed in time. */
  published(): PublishedKeys | undefined
  /** Renews keys and statement where it is time to. Never rejects: a failure is logged. */
  refresh(): Promise<void>
  /** Starts to renew them on schedule. */
  start(log: FastifyBaseLogger): void
  /** Disposes of every key, after the work in progress. */
  close(): Promise<void>
}
