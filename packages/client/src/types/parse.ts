import type { ChatCompletionRequest } from './request.js'
import type { AssistantMessage, ChatCompletion, Choice } from './response.js'
import type { StandardSchema } from './standard-schema.js'

/** A request whose answer has the form of a schema. */
export interface ParseRequest<Output> extends Omit<
  ChatCompletionRequest,
  'response_format' | 'stream' | 'stream_options'
> {
  /** A schema of zod, valibot, ArkType or another library of the Standard Schema specification. */
  response_format: StandardSchema<Output>
}

/** A completion whose messages were validated; `parsed` is null where the model refused. */
export interface ParsedCompletion<Output> extends Omit<ChatCompletion, 'choices'> {
  choices: (Choice & { message: AssistantMessage & { parsed: Output | null } })[]
}
