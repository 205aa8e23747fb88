import type { EventLoopTurns } from '../../../json/event-loop-turns.js'
import type { RequestBody, UploadTimes } from '../../../upstreams/route.js'
import type { DecryptedRequest } from '../../authorize-request.js'
import { checkedModel, invalidMember } from '../json-request.js'
import { isRemoteMedia } from '../media-address.js'
import { readForm, type FormFields } from './read-form.js'
import { openForm } from './stream-form.js'
import { writeArrivingForm, writeForm } from './write-form.js'

/** Members of the protocol between client and gateway, and the salt of a cache, which no caller chooses. */
const NOT_FORWARDED = ['api_key', 'security_tier', 'cache_salt']

/** Decrypted request whose content is a form with a file. */
export class FormRequest implements DecryptedRequest {
  readonly model: string
  readonly hasRemoteMedia: boolean
  readonly #fields: FormFields
  readonly #write: (fields: FormFields) => RequestBody

  /** @param write - writes the form with other fields */
  constructor(fields: FormFields, write: (fields: FormFields) => RequestBody) {
    this.#fields = fields
    this.#write = write
    const [model, second] = this.#valuesOf('model')
    if (second !== undefined) throw invalidMember('model', 'model must be given once')
    this.model = checkedModel(model)
    this.hasRemoteMedia = fields.some(([name, value]) => isRemoteMedia(baseOf(name), value))
  }

  /** Names of the fields, without the brackets of a list. */
  get names(): readonly string[] {
    return [...new Set(this.#fields.map(([name]) => baseOf(name)))]
  }

  /** Returns the value of a field, or all of them where it is repeated or a list. */
  member(name: string): unknown {
    const values = this.#valuesOf(name)
    return values.length > 1 ? values : values[0]
  }

  /** Creates the body for a model server. It refers to the bytes of this request. */
  rewrite(changes: Readonly<Record<string, string | undefined>>): RequestBody {
    const changed = new Set([...NOT_FORWARDED, ...Object.keys(changes)])
    const fields = this.#fields.filter(([name]) => !changed.has(baseOf(name)))
    const added = Object.entries(changes).filter(
      (field): field is [string, string] => field[1] !== undefined,
    )
    return this.#write([...fields, ...added])
  }

  #valuesOf(name: string): readonly string[] {
    return this.#fields.filter(([given]) => baseOf(given) === name).map(([, value]) => value)
  }
}

/**
 * Reads a request whose content is a form with a file.
 *
 * @param plaintext - kept, not copied
 * @throws HttpError 400, 413, a ConfidentialRefusal where it depends on the content
 */
export async function readFormRequest(
  plaintext: Uint8Array,
  contentType: string,
  turns: EventLoopTurns,
): Promise<FormRequest> {
  const form = await readForm(plaintext, contentType, turns)
  return new FormRequest(form.fields, (fields) => writeForm({ ...form, fields }, plaintext))
}

/** Request whose file is still arriving. */
export interface ArrivingRequest {
  readonly request: FormRequest
  /** The file is being sent: the request cannot be sent once more. */
  readonly hasBegun: () => boolean
}

/**
 * Reads a request up to its file. Its body can be sent once.
 *
 * @param content - in parts, each valid until the next one is asked for
 * @throws HttpError 400, 413, a ConfidentialRefusal where it depends on the content; and what `content` throws
 */
export async function readArrivingRequest(
  content: AsyncGenerator<Uint8Array, void, undefined>,
  {
    contentType,
    turns,
    times,
  }: {
    readonly contentType: string
    readonly turns: EventLoopTurns
    readonly times: UploadTimes
  },
): Promise<ArrivingRequest> {
  const form = await openForm(content, contentType, turns)
  if (!form.fields.some(([name]) => baseOf(name) === 'model')) {
    throw invalidMember('model', 'In a form of this size, model comes before the file')
  }
  let body: ReturnType<typeof writeArrivingForm> | undefined
  const hasBegun = (): boolean => body?.hasBegun() === true
  const request = new FormRequest(form.fields, (fields) => {
    body = writeArrivingForm({ ...form, fields }, times)
    return body
  })
  return { request, hasBegun }
}

/** Removes the brackets of a list. */
const baseOf = (name: string): string => name.replace(/\[\]$/, '')
