import type { ToolCall, CustomToolCall } from './tools.js'

/** A mark up to which a model server may cache the prompt. */
export interface PromptCacheBreakpoint {
  mode: 'explicit'
}

/** A text part of a message. */
export interface TextPart {
  type: 'text'
  text: string
  prompt_cache_breakpoint?: PromptCacheBreakpoint
}

/** An image, by URL or as a data URL. */
export interface ImagePart {
  type: 'image_url'
  /** Values of `detail` differ between versions of `openai`; those of newer ones pass as the second form. */
  image_url: { url: string; detail?: 'auto' | 'low' | 'high' } | { url: string }
  prompt_cache_breakpoint?: PromptCacheBreakpoint
}

/** Sound, as base64. */
export interface AudioPart {
  type: 'input_audio'
  input_audio: { data: string; format: 'wav' | 'mp3' }
  prompt_cache_breakpoint?: PromptCacheBreakpoint
}

/** A file, by id or as base64. */
export interface FilePart {
  type: 'file'
  file: { file_data?: string; file_id?: string; filename?: string }
  prompt_cache_breakpoint?: PromptCacheBreakpoint
}

/** A refusal of the model, in an earlier message of it. */
export interface RefusalPart {
  type: 'refusal'
  refusal: string
}

/** A part of a user's message, as OpenAI defines them. */
export type ContentPart = TextPart | ImagePart | AudioPart | FilePart

/** Instructions to the model. */
export interface SystemMessage {
  role: 'system' | 'developer'
  content: string | TextPart[]
  name?: string
}

/** A message of the user. */
export interface UserMessage {
  role: 'user'
  content: string | ContentPart[]
  name?: string
}

/** An earlier message of the model. */
export interface AssistantMessageParam {
  role: 'assistant'
  content?: string | (TextPart | RefusalPart)[] | null
  refusal?: string | null
  name?: string
  /** An earlier answer in sound. */
  audio?: { id: string } | null
  tool_calls?: (ToolCall | CustomToolCall)[]
  /** The form before `tool_calls`. */
  function_call?: { name: string; arguments: string } | null
}

/** The result of a tool. */
export interface ToolMessage {
  role: 'tool'
  content: string | TextPart[]
  tool_call_id: string
}

/** The result of a function, in the form before `tool_calls`. */
export interface FunctionMessage {
  role: 'function'
  name: string
  content: string | null
}

/** One message of a conversation. */
export type ChatMessage =
  SystemMessage | UserMessage | AssistantMessageParam | ToolMessage | FunctionMessage
