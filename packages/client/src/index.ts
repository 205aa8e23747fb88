export { SecureChatCompletion } from './secure-chat-completion.js'
export {
  SecureCompletionClient,
  type GenerateKeysOptions,
  type SecureCompletionClientOptions,
} from './secure-completion-client.js'
export { AttestationError, type AttestationPolicy, type AttestationResult } from '@nomyo/attest'
export type { AttestationEvent, AttestationOptions } from './attestation/options.js'
export type { CompletionStep } from './completion/step-timer.js'
export type { RequestOptions, SecureChatCompletionOptions } from './config/options.js'
export type { KnownServersStore, ServerKeyEvent } from './keys/known-servers.js'
export type { Logger } from './config/log.js'
export type { ReplyKeyMode } from './keys/reply-key-manager.js'
export type {
  AssistantMessage,
  AssistantMessageParam,
  AudioPart,
  ChatCompletion,
  ChatCompletionRequest,
  ChatMessage,
  Choice,
  ContentPart,
  FilePart,
  FinishReason,
  ImagePart,
  ResponseFormat,
  ResponseMetadata,
  SecurityTier,
  SystemMessage,
  TextPart,
  Tool,
  ToolCall,
  ToolChoice,
  ToolMessage,
  TpmAttestation,
  Usage,
  UserMessage,
} from './types/index.js'
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
