import { X509Certificate } from 'node:crypto'
import type { Registry } from 'prom-client'
import type { PublishedKeys } from '../../request-keys/request-keys.js'
import { watchGauge } from './watch-gauge.js'

/** Times until which what the gateway serves is valid, in milliseconds since 1970. */
export interface Expiries {
  /** Returns the end of the certificate; undefined for a gateway without TLS. */
  certificateEndsMs(): number | undefined
  /** Returns the time for which the next server key is scheduled; undefined without a schedule. */
  rotationDueMs(): number | undefined
  /** Returns the times of the latest key statement; undefined for a gateway without wire 2. */
  keyStatement(): Pick<PublishedKeys, 'usedFrom' | 'expiresAt'> | undefined
}

/** Adds metrics of what expires. One without a value has no sample: 0 would be a time long ago. */
export function watchExpiries(registry: Registry, expiries: Expiries): void {
  watchGauge(
    registry,
    'nomyo_certificate_expiry_timestamp_seconds',
    'End of the validity of the served certificate, in seconds since 1970.',
    () => seconds(expiries.certificateEndsMs()),
  )
  watchGauge(
    registry,
    'nomyo_server_key_rotation_due_timestamp_seconds',
    'Time for which the next server key is scheduled, in seconds since 1970.',
    () => seconds(expiries.rotationDueMs()),
  )
  watchGauge(
    registry,
    'nomyo_request_keys_used_from_timestamp_seconds',
    'Time from which the listed request keys are used, in seconds since 1970.',
    () => expiries.keyStatement()?.usedFrom,
  )
  watchGauge(
    registry,
    'nomyo_key_statement_expiry_timestamp_seconds',
    'End of the validity of the key statement, in seconds since 1970.',
    () => expiries.keyStatement()?.expiresAt,
  )
}

const seconds = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : ms / 1000

/** Returns the end of the validity of a certificate, as PEM, in milliseconds since 1970. */
export const certificateEnd = (pem: Buffer): number => Date.parse(new X509Certificate(pem).validTo)
