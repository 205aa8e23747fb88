export { closeConnectionsOnShutdown, closeSlowReaders } from './connection-lifecycle.js'
export { disconnectSignal } from './disconnect-signal.js'
export { hostInUrl, isLoopback, isWildcard } from './hosts.js'
export { LOG_LEVELS, logRequests, type LogLevel, type RequestRecord } from './log.js'
export { isDisconnected, onResponseClosed } from './on-response-closed.js'
export {
  describeListenError,
  exitOnSignals,
  ignoreOutputErrors,
  installCrashHandler,
} from './process-lifecycle.js'
export { refuseMalformedRequests, refuseUnknownRoutes } from './refusals.js'
