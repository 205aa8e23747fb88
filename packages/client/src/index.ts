export { SecureChatCompletion, type RequestOptions } from './secure-chat-completion.js'
export type { ExchangeStep, Logger, SecureChatCompletionOptions } from './config.js'
export type {
  AssistantMessage,
  ChatCompletion,
  ChatCompletionRequest,
  ChatMessage,
  ChatRole,
  Choice,
  ContentPart,
  ResponseMetadata,
  SecurityTier,
  Tool,
  ToolCall,
  ToolChoice,
  Usage,
} from './types/chat-completion.js'
export { SecurityError, type SecurityErrorCode } from '@nomyo/crypto/errors'
export {
  APIConnectionError,
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
  type APIErrorCode,
  type ConnectionErrorCode,
} from '@nomyo/transport/errors'
