// Compiled, never run: `pnpm types` compiles it with every `openai` and compiler that it names.
import type OpenAI from 'openai'
import type {
  AssistantMessage,
  ChatCompletion,
  ChatCompletionChunk,
  ChatMessage,
  ContentPart,
  CustomTool,
  EmbeddingResponse,
  EventStream,
  FinishReason,
  ImagesResponse,
  Model,
  ModelResponse,
  ResponseEvent,
  ResponseFormat,
  SecureChatCompletion,
  SecureCompletionClient,
  StandardSchema,
  Tool,
  ToolCall,
  ToolChoice,
  Transcription,
  Usage,
} from '@nomyo/client'
import { createNomyoFetch } from '@nomyo/client/openai-fetch'

declare const client: SecureChatCompletion
declare const steps: SecureCompletionClient
declare const theirs: {
  readonly params: OpenAI.ChatCompletionCreateParams
  readonly plain: OpenAI.ChatCompletionCreateParamsNonStreaming
  readonly streaming: OpenAI.ChatCompletionCreateParamsStreaming
  readonly messages: OpenAI.ChatCompletionMessageParam[]
  readonly answer: OpenAI.ChatCompletionMessage
  readonly tools: OpenAI.ChatCompletionTool[]
}
declare const ours: {
  readonly completion: ChatCompletion
  readonly message: AssistantMessage
  readonly messages: ChatMessage[]
  readonly parts: ContentPart[]
  readonly tools: (Tool | CustomTool)[]
}
const model = 'm'
const hello: ChatMessage[] = [{ role: 'user', content: 'Hello!' }]

/** Requests as `openai` declares them are accepted as they are. */
export const requests = [
  client.create(theirs.params),
  client.create(theirs.plain),
  client.create(theirs.streaming),
  client.acreate(theirs.params),
  steps.sendSecureRequest(theirs.params, 'id'),
  steps.encryptPayload(theirs.params),
  client.create({ model, messages: theirs.messages, tools: theirs.tools }),
  client.create({ model, messages: [...theirs.messages, theirs.answer] }),
  client.create({ ...theirs.plain, security_tier: 'high', api_key: 'key' }),
]

/** Answers are those of `openai`. */
export const completion: OpenAI.ChatCompletion = ours.completion
export const usage: OpenAI.CompletionUsage | undefined = ours.completion.usage
export const choices: OpenAI.ChatCompletion.Choice[] = ours.completion.choices
export const answer: OpenAI.ChatCompletionMessage = ours.message

/** Messages, their parts and tools go both ways. */
export const messagesOut: OpenAI.ChatCompletionMessageParam[] = ours.messages
export const messagesIn: ChatMessage[] = theirs.messages
export const partsOut: OpenAI.ChatCompletionContentPart[] = ours.parts
export const partsIn: ContentPart[] = [] as OpenAI.ChatCompletionContentPart[]
export const toolsOut: OpenAI.ChatCompletionTool[] = ours.tools
export const toolsIn: (Tool | CustomTool)[] = theirs.tools
export const conversation: ChatMessage[] = [...hello, ours.message, theirs.answer]
export const choiceOut: OpenAI.ChatCompletionToolChoiceOption = {} as ToolChoice
export const choiceIn: ToolChoice = {} as OpenAI.ChatCompletionToolChoiceOption
export const formatIn: ResponseFormat = {} as NonNullable<typeof theirs.params.response_format>
export const callOut: OpenAI.ChatCompletionMessageToolCall = {} as ToolCall
export const reasonIn: FinishReason = {} as OpenAI.ChatCompletion.Choice['finish_reason']
export const usageIn: Usage = {} as Usage & OpenAI.CompletionUsage

/** Members that OpenAI does not define are declared, or come with a variable. */
const messagesWithMore = [
  { role: 'user' as const, content: 'Hello!', cache_control: { type: 'ephemeral' } },
]
const requestWithMore = { model, messages: hello, top_k: 40 }
export const unknownMembers = [
  client.create<{ top_k: number; min_p?: number }>({ model, messages: hello, top_k: 40 }),
  client.acreate<{ top_k: number }>({ model, messages: hello, top_k: 40 }),
  steps.sendSecureRequest<{ top_k: number }>({ model, messages: hello, top_k: 40 }, 'id'),
  client.create(requestWithMore),
  client.create({ model, messages: messagesWithMore }),
]
export const reasoning: unknown = ours.message['reasoning_content']
export const server: unknown = ours.completion['x_server']
export const text: string | null = ours.completion.choices[0].message.content
export const called: string | undefined = ours.message.tool_calls?.[0]?.function.name

/** Mistakes are caught where they are written. */
export const mistakes = [
  // @ts-expect-error -- misspelt
  client.create({ model, messages: hello, temprature: 1 }),
  // @ts-expect-error -- misspelt, beside declared members
  client.create<{ top_k: number }>({ model, messages: hello, top_k: 40, top_q: 1 }),
  // @ts-expect-error -- of another type than declared
  client.create<{ top_k: number }>({ model, messages: hello, top_k: '40' }),
  // @ts-expect-error -- declared and missing
  client.create<{ top_k: number }>({ model, messages: hello }),
  // @ts-expect-error -- misspelt in a message
  client.create({ model, messages: [{ role: 'user', content: 'Hello!', nmae: 'x' }] }),
  // @ts-expect-error -- misspelt in a part of a message
  client.create({ model, messages: [{ role: 'user', content: [{ type: 'text', txt: 'Hi' }] }] }),
  // @ts-expect-error -- unknown role
  client.create({ model, messages: [{ role: 'robot', content: 'Hello!' }] }),
  // @ts-expect-error -- misspelt in a tool
  client.create({ model, messages: hello, tools: [{ type: 'function', function: { nam: 'x' } }] }),
  // @ts-expect-error -- unknown tier
  client.create({ model, messages: hello, security_tier: 'low' }),
  // @ts-expect-error -- without messages
  client.create({ model }),
]

/** A fetch for the SDK is the one created, not the function that creates it. */
type SdkFetch = NonNullable<NonNullable<ConstructorParameters<typeof OpenAI>[0]>['fetch']>
export const sdkFetch: SdkFetch = createNomyoFetch()
// @ts-expect-error -- not called
export const notCalled: SdkFetch = createNomyoFetch

declare const theirRequests: {
  readonly embeddings: OpenAI.EmbeddingCreateParams
  readonly images: OpenAI.ImageGenerateParamsNonStreaming
  readonly speech: OpenAI.Audio.SpeechCreateParams
  readonly response: OpenAI.Responses.ResponseCreateParamsNonStreaming
  readonly responseEvents: OpenAI.Responses.ResponseCreateParamsStreaming
  readonly any: OpenAI.Responses.ResponseCreateParams
}

/** The resources take the requests of `openai`, and tell a stream from a whole answer. */
export const wholeCompletion: Promise<ChatCompletion> = client.chat.completions.create(theirs.plain)
export const chunks: Promise<EventStream<ChatCompletionChunk>> = client.chat.completions.create(
  theirs.streaming,
)
export const either: Promise<ChatCompletion | EventStream<ChatCompletionChunk>> =
  client.chat.completions.create(theirs.params)
export const embeddings: Promise<EmbeddingResponse> = client.embeddings.create(
  theirRequests.embeddings,
)
export const images: Promise<ImagesResponse> = client.images.generate(theirRequests.images)
export const speech: Promise<Response> = client.audio.speech.create(theirRequests.speech)
export const response: Promise<ModelResponse> = client.responses.create(theirRequests.response)
export const events: Promise<EventStream<ResponseEvent>> = client.responses.create(
  theirRequests.responseEvents,
)
export const eitherResponse: Promise<ModelResponse | EventStream<ResponseEvent>> =
  client.responses.create(theirRequests.any)

/** Answers of the resources are those of `openai`. */
export const chunkOut: OpenAI.ChatCompletionChunk = {} as ChatCompletionChunk
export const chunkIn: ChatCompletionChunk = {} as OpenAI.ChatCompletionChunk & ChatCompletionChunk
export const embeddingsOut: OpenAI.CreateEmbeddingResponse = {} as EmbeddingResponse
export const imagesOut: OpenAI.ImagesResponse = {} as ImagesResponse
export const modelOut: OpenAI.Model = {} as Model
export const responseOut: OpenAI.Responses.Response = {} as ModelResponse
export const eventOut: OpenAI.Responses.ResponseStreamEvent = {} as ResponseEvent
export const transcriptionOut: OpenAI.Audio.Transcription = {} as Transcription

/** A transcription is a text where its format is none of JSON. */
declare const file: Blob
export const subtitles: Promise<string> = client.audio.transcriptions.create({
  file,
  model,
  response_format: 'srt',
})
export const transcription: Promise<Transcription> = client.audio.transcriptions.create({
  file,
  model,
})

/** A validated value has the type of its schema. */
declare const Weather: StandardSchema<{ city: string }>
export const parsed = client.chat.completions
  .parse({ model, messages: hello, response_format: Weather })
  .then(({ choices }): string | undefined => choices[0]?.message.parsed?.city)

export const resourceMistakes = [
  // @ts-expect-error -- misspelt
  client.chat.completions.create({ model, messages: hello, stream: true, temprature: 1 }),
  // @ts-expect-error -- misspelt
  client.embeddings.create({ model, inputs: 'Hello!' }),
  // @ts-expect-error -- no schema
  client.chat.completions.parse({ model, messages: hello, response_format: 'json' }),
  // @ts-expect-error -- a path is no file
  client.audio.transcriptions.create({ file: 'a.wav', model }),
]
