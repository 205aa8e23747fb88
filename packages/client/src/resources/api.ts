import type { RequestOptions } from '../config/options.js'
import { loadCode } from '../load-code.js'
import type { Session } from '../session.js'
import type { SpeechRequest, Transcription, TranscriptionRequest } from '../types/audio.js'
import type { ChatCompletionChunk } from '../types/chunk.js'
import type { EmbeddingRequest, EmbeddingResponse } from '../types/embeddings.js'
import type { ImageRequest, ImagesResponse } from '../types/images.js'
import type { Model, Models } from '../types/models.js'
import type { ParsedCompletion, ParseRequest } from '../types/parse.js'
import type { RequestWith } from '../types/request.js'
import type { ChatCompletion } from '../types/response.js'
import type { ModelResponse, ResponseEvent, ResponseRequest } from '../types/responses.js'
import type { EventStream } from './event-stream.js'
import type * as Resources from './resources.js'

/** Chat completions, in the shape of the SDK of OpenAI. */
export interface ChatCompletions {
  /**
   * Requests a chat completion; with `stream: true`, its chunks as the model makes them (wire 2).
   *
   * @throws the errors of `SecureChatCompletion.create`; those after the first chunk come from the loop over it
   */
  create<Members extends object = object>(
    request: RequestWith<Members> & { stream: true },
    options?: RequestOptions,
  ): Promise<EventStream<ChatCompletionChunk>>
  create<Members extends object = object>(
    request: RequestWith<Members> & { stream?: false | null },
    options?: RequestOptions,
  ): Promise<ChatCompletion>
  create<Members extends object = object>(
    request: RequestWith<Members>,
    options?: RequestOptions,
  ): Promise<ChatCompletion | EventStream<ChatCompletionChunk>>
  /**
   * Requests a completion that a schema validates. The model server gets the JSON Schema of it, where the
   * library can tell it, and otherwise only that it must answer with JSON.
   *
   * @throws APIError `ERR_ANSWER_FORMAT` for an answer that does not fit; `errorDetails.paths` names the members
   */
  parse<Output>(
    request: ParseRequest<Output>,
    options?: RequestOptions,
  ): Promise<ParsedCompletion<Output>>
}

/** The resources of a client beside `create`, in the shape of the SDK of OpenAI. Their code is loaded on demand. */
export interface ClientResources {
  readonly chat: { readonly completions: ChatCompletions }
  /** Encrypted on wire 2; under TLS alone with gateways that offer no other list. */
  readonly models: {
    list(options?: RequestOptions): Promise<Models>
    retrieve(id: string, options?: RequestOptions): Promise<Model>
  }
  readonly embeddings: {
    create(request: EmbeddingRequest, options?: RequestOptions): Promise<EmbeddingResponse>
  }
  readonly responses: {
    create(
      request: ResponseRequest & { stream: true },
      options?: RequestOptions,
    ): Promise<EventStream<ResponseEvent>>
    create(
      request: ResponseRequest & { stream?: false | null },
      options?: RequestOptions,
    ): Promise<ModelResponse>
    create(
      request: ResponseRequest,
      options?: RequestOptions,
    ): Promise<ModelResponse | EventStream<ResponseEvent>>
  }
  readonly audio: {
    readonly speech: {
      /** Returns the sound, as it comes. */
      create(request: SpeechRequest, options?: RequestOptions): Promise<Response>
    }
    readonly transcriptions: {
      create(
        request: TranscriptionRequest & { response_format: 'text' | 'srt' | 'vtt' },
        options?: RequestOptions,
      ): Promise<string>
      create(
        request: TranscriptionRequest & {
          response_format?: 'json' | 'verbose_json' | 'diarized_json'
        },
        options?: RequestOptions,
      ): Promise<Transcription>
      create(
        request: TranscriptionRequest,
        options?: RequestOptions,
      ): Promise<Transcription | string>
    }
    readonly translations: ClientResources['audio']['transcriptions']
  }
  readonly images: {
    generate(request: ImageRequest, options?: RequestOptions): Promise<ImagesResponse>
  }
}

/** Creates the resources of a session. */
export function createResources(session: Session): ClientResources {
  const lazy =
    (name: keyof typeof Resources) =>
    (request: never, options: RequestOptions = {}): Promise<unknown> =>
      session.run(async () => {
        const resources = await loadCode(() => import('./resources.js'), 'this resource')
        return resources[name](session, request, options)
      })
  const create = (name: keyof typeof Resources): object => ({ create: lazy(name) })
  return {
    chat: {
      completions: { create: lazy('createCompletion'), parse: lazy('parseCompletion') },
    },
    models: {
      list: (options: RequestOptions) => lazy('listModels')(undefined as never, options),
      retrieve: lazy('retrieveModel'),
    },
    embeddings: create('createEmbeddings'),
    responses: create('createResponse'),
    audio: {
      speech: create('createSpeech'),
      transcriptions: create('transcribe'),
      translations: create('translate'),
    },
    images: { generate: lazy('generateImages') },
  } as unknown as ClientResources
}
