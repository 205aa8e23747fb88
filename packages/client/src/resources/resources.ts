import { SecurityError } from '@nomyo/crypto/errors'
import { APIError, InvalidRequestError } from '@nomyo/transport'
import { checkChatRequest, splitRequest } from '../completion/seal-request.js'
import { isObject } from '../config/checks.js'
import type { RequestOptions } from '../config/options.js'
import { UploadForm, fileOf, type FormFile } from '../fetch/form-content.js'
import type { ByteSource } from '../fetch/upload-source.js'
import type { Session } from '../session.js'
import type { SpeechRequest, Transcription, TranscriptionRequest } from '../types/audio.js'
import type { ChatCompletionChunk } from '../types/chunk.js'
import type { EmbeddingRequest, EmbeddingResponse } from '../types/embeddings.js'
import type { ImageRequest, ImagesResponse } from '../types/images.js'
import type { Model, Models } from '../types/models.js'
import type { ChatCompletionRequest } from '../types/request.js'
import type { ChatCompletion } from '../types/response.js'
import type { ModelResponse, ResponseEvent, ResponseRequest } from '../types/responses.js'
import type { EventStream } from './event-stream.js'
import { sendForEvents, sendForJson, sendRoute, textOf } from './send-route.js'

const CHAT = '/v1/chat/completions'

export { parseCompletion } from './parse-completion.js'

export async function createCompletion(
  session: Session,
  request: ChatCompletionRequest,
  options: RequestOptions,
): Promise<ChatCompletion | EventStream<ChatCompletionChunk>> {
  checkChatRequest(request)
  if (request.stream !== true) {
    return session.complete(splitRequest(request, session.context.config.padding), options)
  }
  return sendForEvents(session, { path: CHAT, body: request }, options)
}

export const createEmbeddings = (
  session: Session,
  body: EmbeddingRequest,
  options: RequestOptions,
): Promise<EmbeddingResponse> => sendForJson(session, { path: '/v1/embeddings', body }, options)

export const generateImages = (
  session: Session,
  body: ImageRequest,
  options: RequestOptions,
): Promise<ImagesResponse> =>
  sendForJson(session, { path: '/v1/images/generations', body }, options)

export async function createResponse(
  session: Session,
  body: ResponseRequest,
  options: RequestOptions,
): Promise<ModelResponse | EventStream<ResponseEvent>> {
  const call = { path: '/v1/responses', body }
  if (isObject(body) && body['stream'] === true) return sendForEvents(session, call, options)
  const response = await sendForJson<ModelResponse>(session, call, options)
  return { ...response, output_text: outputText(response.output) }
}

function outputText(output: unknown): string {
  const items: unknown[] = Array.isArray(output) ? output : []
  const parts = items.flatMap((item): unknown[] =>
    isObject(item) && item['type'] === 'message' && Array.isArray(item['content'])
      ? item['content']
      : [],
  )
  return parts
    .map((part) => (isObject(part) && part['type'] === 'output_text' ? part['text'] : ''))
    .filter((text) => typeof text === 'string')
    .join('')
}

export const createSpeech = (
  session: Session,
  body: SpeechRequest,
  options: RequestOptions,
): Promise<Response> =>
  sendRoute(session, { path: '/v1/audio/speech', body, accept: '*/*' }, options)

export const transcribe = (
  session: Session,
  request: TranscriptionRequest,
  options: RequestOptions,
): Promise<Transcription | string> =>
  sendForText(session, '/v1/audio/transcriptions', request, options)

export const translate = (
  session: Session,
  request: TranscriptionRequest,
  options: RequestOptions,
): Promise<Transcription | string> =>
  sendForText(session, '/v1/audio/translations', request, options)

/** Some formats of a transcription are no JSON. */
async function sendForText(
  session: Session,
  path: string,
  request: TranscriptionRequest,
  options: RequestOptions,
): Promise<Transcription | string> {
  const call = { path, body: formOf(request), accept: '*/*' }
  const { response_format: format = 'json' } = request
  if (format.endsWith('json')) return sendForJson<Transcription>(session, call, options)
  return textOf(await sendRoute(session, call, options))
}

function formOf(request: TranscriptionRequest): UploadForm {
  const file = isObject(request) ? soundFile(request.file) : undefined
  if (file === undefined)
    throw invalid('file must be a Blob, a File, a Response or a stream of bytes')
  const { file: _, ...members } = request
  const fields: [string, string][] = []
  type Value = TranscriptionRequest[Exclude<keyof TranscriptionRequest, 'file'>]
  for (const [name, value] of Object.entries<Value>(members as Record<string, Value>)) {
    if (value === undefined || value === null) continue
    for (const one of [value].flat()) {
      if (typeof one === 'object')
        throw invalid(`${name} must be a string, a number or a list of them`)
      fields.push([Array.isArray(value) ? `${name}[]` : name, String(one)])
    }
  }
  return new UploadForm(fields, [file])
}

/** Reads what a file is given as; undefined for what is none. */
function soundFile(file: unknown): FormFile | undefined {
  if (file instanceof Blob) {
    return fileOf('file', file, 'name' in file ? String(file.name) : 'audio')
  }
  const once = { name: 'file', canRepeat: false }
  if (file instanceof Response) {
    const { body, headers, url } = file
    if (body === null || file.bodyUsed) return undefined
    const isCoded = headers.has('content-encoding')
    const length = isCoded ? '' : (headers.get('content-length') ?? '')
    return {
      ...{ ...once, type: headers.get('content-type') ?? '', open: () => body },
      fileName: nameIn(URL.canParse(url) ? new URL(url).pathname : undefined),
      length: /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    }
  }
  if (typeof file !== 'object' || file === null) return undefined
  if (!('getReader' in file) && !(Symbol.asyncIterator in file)) return undefined
  const open = (): ByteSource => file as ByteSource
  // Streams of files of Node know their path.
  const path = 'path' in file ? String(file.path) : undefined
  return { ...once, type: '', open, fileName: nameIn(path), length: undefined }
}

/** Returns the last part of a path. */
const nameIn = (path = ''): string => /[^/\\]+$/.exec(path)?.[0] ?? 'audio'

export async function listModels(
  session: Session,
  _: unknown,
  options: RequestOptions,
): Promise<Models> {
  try {
    return checked(await sendForJson<Models>(session, { path: '/v1/models' }, options))
  } catch (error) {
    return await listUnderTls(session, options, error)
  }
}

export async function retrieveModel(
  session: Session,
  id: string,
  options: RequestOptions,
): Promise<Model> {
  if (typeof id !== 'string' || id === '' || LONE_SURROGATE.test(id)) {
    throw invalid('id must be the name of a model')
  }
  try {
    return await sendForJson<Model>(
      session,
      { path: `/v1/models/${encodeURIComponent(id)}` },
      options,
    )
  } catch (error) {
    const { data } = await listUnderTls(session, options, error)
    const model = data.find((one) => one.id === id)
    if (model !== undefined) return model
    throw new APIError('ERR_NOT_FOUND', 'The gateway has no such model.', { statusCode: 404 })
  }
}

/** Lists are read member by member, by programs that show them. */
function checked(list: Models): Models {
  const models: unknown = list.data
  const isModel = (model: unknown): boolean => isObject(model) && typeof model['id'] === 'string'
  if (Array.isArray(models) && models.every(isModel)) return list
  throw new SecurityError('ERR_PLAINTEXT_INVALID', 'The answer is not a list of models.')
}

/** Gateways without this route inside the encryption list their models outside of it. */
async function listUnderTls(
  session: Session,
  options: RequestOptions,
  error: unknown,
): Promise<Models> {
  const isMissing = error instanceof InvalidRequestError && error.code === 'ERR_ROUTE'
  // A relay must not see the API key, and the gateway not the address.
  if (!isMissing || session.context.config.relayUrl !== undefined) throw error
  const list = await session.listModels(options)
  const { data } = JSON.parse(new TextDecoder().decode(list?.body ?? EMPTY_LIST)) as Models
  return { object: 'list', data }
}

/** Has no form in UTF-8. */
const LONE_SURROGATE = /\p{Cs}/u

const EMPTY_LIST = new TextEncoder().encode('{"data":[]}')

const invalid = (why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_REQUEST', `Nothing was sent: ${why}.`)
