import type { AccessControl } from '../access/access-control.js'
import type { ServiceContext } from '../completion/service-context.js'
import type { ReplayCache } from '../completion/replay/refuse.js'
import type { RequestKeys } from '../request-keys/request-keys.js'
import type { UploadLimits } from './request/upload-limits.js'
import type { WorkInProgress } from './request/work-in-progress.js'

/** Settings of wire 2. */
export interface ExchangeSettings {
  /** Accepts requests without a date: whole keys are protected against replays instead. Default false. */
  readonly dateIsOptional?: boolean | undefined
  /** Authorities that requests may name. Default: every one, since none has an effect. */
  readonly publicNames?: readonly string[] | undefined
}

/** Services that answer requests of wire 2. */
export interface ExchangeContext extends ServiceContext {
  readonly requestKeys: Pick<RequestKeys, 'opening' | 'published'>
  readonly accessControl: AccessControl
  /** Remembers requests for longer than their dates are accepted. */
  readonly replayCache: ReplayCache
  readonly workInProgress: WorkInProgress
  readonly settings: ExchangeSettings
  /** Returns the limits of forms. Default: those of every request. */
  readonly uploads?: (() => UploadLimits) | undefined
  /** Returns the time for a request to arrive, in milliseconds. */
  readonly requestTimeoutMs: () => number
  /** Returns the time in milliseconds since 1970. Default: the clock of the system. */
  readonly now?: (() => number) | undefined
  /** Pauses between signs of life, in milliseconds. Default: those of {@link SealedAnswer}. */
  readonly heartbeatsMs?: readonly number[] | undefined
  /** Silence within a stream after which a sign of life is sent, in milliseconds. Default 15 000. */
  readonly streamHeartbeatMs?: number | undefined
}
