import type { APIError, HttpTransport } from '@nomyo/transport'
import type { KeyAttestation } from '../attestation/key-attestation.js'
import type { ClientConfig } from '../config/options.js'
import type { Pace } from './pace.js'
import type { Identified, SplitRequest } from './seal-request.js'

/** The parts of a client that both wires use. */
export interface ClientContext {
  readonly config: ClientConfig
  readonly transport: HttpTransport
  /** Takes encrypted requests of wire 2 to the gateway. Undefined where they go there directly. */
  readonly relay: HttpTransport | undefined
  /** Undefined where no policy is configured. */
  readonly attestation: KeyAttestation | undefined
  /** False where requests are not spaced. */
  readonly pace: Pace | false
  readonly wires: WireWitness
}

/** Hears what answers on wire 1 say about the wires of their gateway. */
export interface WireWitness {
  /** @throws SecurityError `ERR_WIRE_DOWNGRADE` */
  refuseDowngrade(wire: unknown): void
}

/** Settings of one call. */
export interface CallSettings {
  /** Ends the call before its deadline does. */
  readonly stop: AbortSignal
  /** Milliseconds for one attempt. */
  readonly timeoutMs: number
  /** Checked headers, sent beside those of the protocol. */
  readonly headers: Readonly<Record<string, string>>
  /** Returns the id of the next attempt on wire 1; never the same twice. */
  readonly nextPayloadId: () => string
  readonly progress: CallProgress
}

/** The state of one call on wire 2, over all of its attempts. */
export interface CallProgress {
  /** Names the call, so that the gateway does not work twice for it. */
  readonly id: string
  /** The time of the gateway less that of this machine, once it was refused. */
  clockOffsetMs: number | undefined
  /** True once new request keys were asked for. */
  hasRenewed: boolean
  /** True where no further attempt may be made. */
  isFinal: boolean
}

/** A call in progress. */
export interface Call<Asked extends Identified = SplitRequest> {
  readonly request: Asked
  readonly context: ClientContext
  readonly settings: CallSettings
  readonly signal: AbortSignal
}

/** The API key of a request, and its other headers. */
export interface Credentials {
  readonly apiKey: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Returns the API key and the headers of a call. */
export const credentials = ({ request, context, settings }: Call<Identified>): Credentials => ({
  apiKey: request.apiKey ?? context.config.apiKey,
  headers: { ...context.config.defaultHeaders, ...settings.headers },
})

/** Begins a call. */
export const newProgress = (id: string = crypto.randomUUID()): CallProgress => ({
  id,
  clockOffsetMs: undefined,
  hasRenewed: false,
  isFinal: false,
})

/** Checks for a refusal of the service itself that names no time to wait. */
export function isUnexplained({ statusCode, retryAfterMs, sealedError }: APIError): boolean {
  return statusCode === 503 && retryAfterMs === undefined && sealedError === undefined
}
