export { SecureChatCompletion } from './secure-chat-completion.js'
export {
  SecureCompletionClient,
  type SecureCompletionClientOptions,
} from './secure-completion-client.js'
export type { AttestationPolicy, AttestationResult } from '@nomyo/attest'
export { AttestationError } from '@nomyo/attest/errors'
export type { AttestationEvent, AttestationOptions } from './attestation/options.js'
export type { PaceOptions } from './completion/pace.js'
export type { CompletionStep } from './completion/step-timer.js'
export type { WireInfo } from './completion/wire-info.js'
export type {
  ListModelsOptions,
  RequestOptions,
  SecureChatCompletionOptions,
} from './config/options.js'
export type { SecureFetchInit } from './fetch/read-init.js'
export type { KnownKey, KnownServersStore, ServerKeyEvent } from './keys/known-servers.js'
export type { ModelList } from './gateway-api/models.js'
export type { Logger } from './config/log.js'
export type { ChatCompletions, ClientResources } from './resources/api.js'
export type { EventStream } from './resources/event-stream.js'
export type { GenerateKeysOptions } from './wire-1/own-keys.js'
export type { ReplyKeyMode } from './wire-1/reply-key-manager.js'
export type {
  AssistantMessageParam,
  AudioPart,
  ChatMessage,
  ContentPart,
  FilePart,
  FunctionMessage,
  ImagePart,
  PromptCacheBreakpoint,
  RefusalPart,
  SystemMessage,
  TextPart,
  ToolMessage,
  UserMessage,
} from './types/messages.js'
export type {
  SoundFile,
  SpeechRequest,
  Transcription,
  TranscriptionRequest,
} from './types/audio.js'
export type { ChatCompletionChunk, ChunkChoice, ChunkDelta } from './types/chunk.js'
export type { Embedding, EmbeddingRequest, EmbeddingResponse } from './types/embeddings.js'
export type { ImageRequest, ImagesResponse } from './types/images.js'
export type { Model, Models } from './types/models.js'
export type { ParseRequest, ParsedCompletion } from './types/parse.js'
export type {
  ModelResponse,
  ResponseEvent,
  ResponseItem,
  ResponsePart,
  ResponseRequest,
} from './types/responses.js'
export type { StandardResult, StandardSchema } from './types/standard-schema.js'
export type {
  ChatCompletionRequest,
  RequestWith,
  ResponseFormat,
  SecurityTier,
} from './types/request.js'
export type {
  AssistantMessage,
  ChatCompletion,
  Choice,
  FinishReason,
  ResponseMetadata,
  TokenLogprob,
  TpmAttestation,
  Usage,
} from './types/response.js'
export type { CustomTool, CustomToolCall, Tool, ToolCall, ToolChoice } from './types/tools.js'
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
  type SealedError,
} from '@nomyo/transport/errors'
