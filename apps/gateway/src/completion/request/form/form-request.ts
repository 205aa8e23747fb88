import type { EventLoopTurns } from '../../../json/event-loop-turns.js'
import type { RequestBody } from '../../../upstreams/route.js'
import type { DecryptedRequest } from '../../authorize-request.js'
import { checkedModel, invalidMember } from '../json-request.js'
import { isRemoteMedia } from '../media-address.js'
import { readForm, type Form } from './read-form.js'
import { writeForm } from './write-form.js'

/** Members of the protocol between client and gateway, and the salt of a cache, which no caller chooses. */
const NOT_FORWARDED = ['api_key', 'security_tier', 'cache_salt']

/** Decrypted request whose content is a form with a file. */
export class FormRequest implements DecryptedRequest {
  readonly model: string
  readonly hasRemoteMedia: boolean
  readonly #form: Form
  readonly #source: Uint8Array

  /** @param source - what the form was read from */
  constructor(form: Form, source: Uint8Array) {
    this.#form = form
    this.#source = source
    const [model, second] = this.#valuesOf('model')
    if (second !== undefined) throw invalidMember('model', 'model must be given once')
    this.model = checkedModel(model)
    this.hasRemoteMedia = form.fields.some(([name, value]) => isRemoteMedia(baseOf(name), value))
  }

  /** Names of the fields, without the brackets of a list. */
  get names(): readonly string[] {
    return [...new Set(this.#form.fields.map(([name]) => baseOf(name)))]
  }

  /** Returns the value of a field, or all of them where it is repeated or a list. */
  member(name: string): unknown {
    const values = this.#valuesOf(name)
    return values.length > 1 ? values : values[0]
  }

  /** Creates the body for a model server. It refers to the bytes of this request. */
  rewrite(changes: Readonly<Record<string, string | undefined>>): RequestBody {
    const changed = new Set([...NOT_FORWARDED, ...Object.keys(changes)])
    const fields = this.#form.fields.filter(([name]) => !changed.has(baseOf(name)))
    const added = Object.entries(changes).filter(
      (field): field is [string, string] => field[1] !== undefined,
    )
    return writeForm({ ...this.#form, fields: [...fields, ...added] }, this.#source)
  }

  #valuesOf(name: string): readonly string[] {
    return this.#form.fields.filter(([given]) => baseOf(given) === name).map(([, value]) => value)
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
  return new FormRequest(await readForm(plaintext, contentType, turns), plaintext)
}

/** Removes the brackets of a list. */
const baseOf = (name: string): string => name.replace(/\[\]$/, '')
