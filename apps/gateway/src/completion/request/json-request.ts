import { ConfidentialRefusal, errorObject } from '../../confidential-refusal.js'
import { HttpError } from '../../http-error.js'
import type { EventLoopTurns } from '../../json/event-loop-turns.js'
import type { JsonBytes } from '../../json/json-bytes.js'
import { JsonError } from '../../json/json-error.js'
import { readJsonObject, type JsonObject, type JsonType } from '../../json/json-object.js'
import type { JsonLimits, JsonListener } from '../../json/json-scanner.js'

/** Limits of a request's JSON, and the turns in which it is read. */
export interface JsonRequestOptions {
  readonly limits: JsonLimits
  readonly turns: EventLoopTurns
}

/** Facts that are read from a request beside its members. */
export interface JsonRequestFacts {
  readonly model: string
  /** True where the request refers to media by an address other than `data:`. */
  readonly hasRemoteMedia: boolean
}

const MAX_MODEL_CHARACTERS = 1024

/**
 * Decrypted request as the bytes that the caller encrypted. Only members that decide something are read; a
 * model server receives the others as they are.
 */
export class JsonRequest implements JsonRequestFacts {
  readonly model: string
  readonly hasRemoteMedia: boolean
  readonly #object: JsonObject

  constructor(object: JsonObject, { model, hasRemoteMedia }: JsonRequestFacts) {
    this.#object = object
    this.model = model
    this.hasRemoteMedia = hasRemoteMedia
  }

  /** Names of all members. */
  get names(): readonly string[] {
    return this.#object.names
  }

  get byteLength(): number {
    return this.#object.byteLength
  }

  /** Returns the type of a member, or undefined where it is missing. */
  typeOf(name: string): JsonType | undefined {
    return this.#object.typeOf(name)
  }

  /**
   * Returns the value of one small member; undefined where it is missing.
   *
   * @throws ConfidentialRefusal 400 for more than 64 KiB
   */
  member(name: string): unknown {
    try {
      return this.#object.member(name)
    } catch (error) {
      throw error instanceof JsonError ? refusalOf(error) : error
    }
  }

  /**
   * Returns the request with members replaced, added, or removed where the change is undefined. It refers
   * to the bytes of this request: valid until {@link dispose}.
   */
  rewrite(changes: Readonly<Record<string, unknown>>): JsonBytes {
    return this.#object.rewrite(changes)
  }

  /** Parses the whole request, which may block the event loop: only for stand-ins of a model. */
  parse(): Readonly<Record<string, unknown>> {
    return this.#object.parse()
  }

  /** Overwrites the plaintext. */
  dispose(): void {
    this.#object.dispose()
  }
}

/**
 * Reads the members of a decrypted request, and the `model` that every one must name. Refusals name members,
 * never their values: they are sent in plaintext.
 *
 * @param plaintext - kept, not copied
 * @throws HttpError 400, a ConfidentialRefusal where it depends on the content
 */
export async function readMembers(
  plaintext: Uint8Array,
  options: JsonRequestOptions & {
    readonly listener: JsonListener
    /** Bytes that are read in one turn. Default 256 KiB. */
    readonly pieceBytes?: number
  },
): Promise<{ object: JsonObject; model: string }> {
  try {
    const object = await readJsonObject(plaintext, options)
    return { object, model: checkedModel(object.member('model')) }
  } catch (error) {
    throw error instanceof JsonError ? refusalOf(error) : error
  }
}

/**
 * Checks the name of a model.
 *
 * @throws ConfidentialRefusal 400
 */
export function checkedModel(model: unknown): string {
  if (typeof model !== 'string' || model === '') {
    throw invalidMember('model', 'model must be a non-empty string')
  }
  if (model.length > MAX_MODEL_CHARACTERS) {
    throw refusalOf(new JsonError('member-too-large'))
  }
  return model
}

/** Creates the refusal of everything that is no encrypted JSON. One text for every reason, so that the gateway is no oracle. */
export const cannotBeOpened = (): HttpError =>
  new HttpError(
    400,
    'The request cannot be decrypted: it is malformed, or encrypted to another key',
    undefined,
    'undecryptable',
  )

/** Creates the refusal of a member. Its fixed text is sent in plaintext, and once more encrypted. */
export function invalidMember(param: string | null, detail: string): ConfidentialRefusal {
  const facts = { message: detail, type: 'invalid_request_error', code: 'invalid_value', param }
  return new ConfidentialRefusal(400, detail, errorObject(400, facts))
}

function refusalOf({ code }: JsonError): HttpError {
  switch (code) {
    case 'too-deep':
      return invalidMember(null, 'The request is nested too deeply')
    case 'too-many-values':
    case 'too-many-members':
      return invalidMember(null, 'The request has too many values')
    case 'member-too-large':
      return invalidMember(null, 'A member of the request is too large')
    case 'repeated-member':
      return invalidMember(null, 'A member of the request is repeated')
    case 'malformed':
    case 'not-an-object':
      return cannotBeOpened()
  }
}
