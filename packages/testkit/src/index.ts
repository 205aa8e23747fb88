import * as faults from './faults/index.js'

export { faults }
export { TestkitError, type TestkitErrorCode } from './errors.js'
export type {
  CompletionExchange,
  HttpExchange,
  SealOptions,
  SealedExchange,
  SealedResponse,
  StatementExchange,
} from './exchange.js'
export type {
  CompletionFault,
  Fault,
  HttpFault,
  SealedFault,
  StatementFault,
} from './faults/fault.js'
export type { Answer, ChatRequest, RequestFacts, SecurityTier } from './answer.js'
export type { TestGatewayOptions } from './gateway/options.js'
export { startTestGateway } from './start-test-gateway.js'
export type { ConnectionCount, KeyFetch, ReceivedRequest, TestGateway } from './test-gateway.js'
export { testKeyPair } from './test-key-pair.js'
