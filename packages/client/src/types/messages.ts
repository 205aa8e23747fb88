/** A text part of a message. */
export interface TextPart {
  type: 'text'
  text: string
}

/** An image, by URL or as a data URL. */
export interface ImagePart {
  type: 'image_url'
  image_url: { url: string; detail?: 'auto' | 'low' | 'high' }
}

/** Sound, as base64. */
export interface AudioPart {
  type: 'input_audio'
  input_audio: { data: string; format: 'wav' | 'mp3' | (string & {}) }
}

/** A file, by id or as base64. */
export interface FilePart {
  type: 'file'
  file: { file_data?: string; file_id?: string; filename?: string }
}

/** A part of a message's content, as OpenAI defines them. */
export type ContentPart = TextPart | ImagePart | AudioPart | FilePart

/** A function call that the model requests. */
export interface ToolCall {
  id: string
  type: 'function'
  function: {
    name: string
    /** JSON text of the model: check it before use. */
    arguments: string
  }
}

/** Further members are sent as given. */
type Open = Record<string, unknown>

/** Instructions to the model. */
export interface SystemMessage extends Open {
  role: 'system' | 'developer'
  content: string | TextPart[]
  name?: string
}

/** A message of the user. */
export interface UserMessage extends Open {
  role: 'user'
  content: string | ContentPart[]
  name?: string
}

/** An earlier message of the model. */
export interface AssistantMessageParam extends Open {
  role: 'assistant'
  content?: string | TextPart[] | null
  refusal?: string | null
  name?: string
  tool_calls?: ToolCall[]
}

/** The result of a tool. */
export interface ToolMessage extends Open {
  role: 'tool'
  content: string | TextPart[]
  tool_call_id: string
}

/** One message of a conversation. */
export type ChatMessage = SystemMessage | UserMessage | AssistantMessageParam | ToolMessage
