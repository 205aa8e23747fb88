export type {
  AssistantMessageParam,
  AudioPart,
  ChatMessage,
  ContentPart,
  FilePart,
  ImagePart,
  SystemMessage,
  TextPart,
  ToolCall,
  ToolMessage,
  UserMessage,
} from './messages.js'
export type {
  ChatCompletionRequest,
  ResponseFormat,
  SecurityTier,
  Tool,
  ToolChoice,
} from './request.js'
export type {
  AssistantMessage,
  ChatCompletion,
  Choice,
  FinishReason,
  ResponseMetadata,
  TpmAttestation,
  Usage,
} from './response.js'
