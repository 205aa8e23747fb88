import * as faults from './faults/index.js'

export { faults }
export { TestkitError, type TestkitErrorCode } from './errors.js'
export type { CompletionExchange, HttpExchange } from './exchange.js'
export type { CompletionFault, Fault, HttpFault } from './faults/fault.js'
export type { Answer, ChatRequest, RequestFacts, SecurityTier } from './answer.js'
export type { TestGatewayOptions } from './gateway/options.js'
export {
  startTestGateway,
  type ConnectionCount,
  type KeyFetch,
  type ReceivedRequest,
  type TestGateway,
} from './test-gateway.js'
export { testKeyPair } from './test-key-pair.js'
