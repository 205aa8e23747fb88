export { ArrivalLimit } from './arrival-limit.js'
export {
  closeConnectionsOnShutdown,
  closeSlowReaders,
  closeWithin,
  limitPipelining,
} from './connection-lifecycle.js'
export { disconnectSignal } from './response/disconnect-signal.js'
export {
  hostInUrl,
  isForeignName,
  isLoopback,
  isWildcard,
  listenHost,
  nameInHost,
} from './hosts.js'
export { createLog, type Log, type LogOptions } from './log/create-log.js'
export {
  LOG_FORMATS,
  LOG_LEVELS,
  logFormatOf,
  type LogFormat,
  type LogLevel,
} from './log/levels.js'
export { logProcessWarnings } from './log/process-warnings.js'
export { logRequests, type RequestRecord } from './log/requests.js'
export { isDisconnected, onResponseClosed } from './response/on-response-closed.js'
export { PacedBody } from './response/paced-body.js'
export { StreamedBody, type StreamedBodyOptions } from './response/streamed-body.js'
export { refuseForeignPages, type PageGuardOptions } from './page-guard.js'
export {
  describeDebugger,
  describeListenError,
  type ListenFlags,
  handleSignals,
  ignoreOutputErrors,
  installCrashHandler,
} from './process-lifecycle.js'
export { refuseExpectations, refuseMalformedRequests, refuseUnknownRoutes } from './refusals.js'
