import { Busboy, type BusboyInstance } from '@fastify/busboy'
import { HttpError } from '../../../http-error.js'
import type { EventLoopTurns } from '../../../json/event-loop-turns.js'
import { invalidMember } from '../json-request.js'

/** File of a form, as parts of the bytes that were read. */
export interface FormFile {
  /** Behind the last dot of its name, where it has one. */
  readonly extension: string | undefined
  readonly contentType: string
  readonly spans: readonly Uint8Array[]
}

/** Fields of a form, in their order; a name may be repeated. */
export type FormFields = readonly (readonly [name: string, value: string])[]

/** Form with fields and one file. */
export interface Form {
  readonly fields: FormFields
  readonly file: FormFile
}

/** Name of the part with the file. */
const FILE = 'file'
/** Bytes that are read in one turn of the event loop. */
export const PIECE_BYTES = 64 * 1024
/** Forms have a dozen fields; those of the largest have sound in base64. */
const LIMITS = {
  fields: 64,
  files: 1,
  parts: 66,
  fieldSize: 1024 * 1024,
  headerPairs: 16,
  headerSize: 4096,
}
/** Size of all fields: they become texts, beside the bytes that are accounted for. */
const MAX_FIELD_BYTES = 4 * 1024 * 1024
/** By RFC 2046; a longer one would slow down the search for it. */
const MAX_BOUNDARY_LENGTH = 70
const FIELD_NAME = /^[\w.-]{1,64}(?:\[\])?$/
const PLAIN = ['7bit', '8bit', 'binary']
/** All bytes are in memory: a parser that needs more turns of the event loop is stuck, as it is in some forms. */
const MAX_TURNS = 64

/**
 * Reads a form (`multipart/form-data`) with one file, whose bytes are not copied.
 *
 * @param contentType - with the boundary
 * @throws HttpError 400, 413; a ConfidentialRefusal where it names a field
 */
export async function readForm(
  bytes: Uint8Array,
  contentType: string,
  turns: EventLoopTurns,
): Promise<Form> {
  const collector = new FormCollector(contentType)
  try {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      await unlessStuck(collector.write(bytes.subarray(at, at + PIECE_BYTES)), turns)
      await turns.next()
    }
    return await unlessStuck(collector.end(), turns)
  } finally {
    collector.dispose()
  }
}

/** Waits for the parser. */
export async function unlessStuck<T>(work: Promise<T>, turns: EventLoopTurns): Promise<T> {
  let isOver = false
  const end = (): void => {
    isOver = true
  }
  work.then(end, end)
  for (let count = 0; count < MAX_TURNS; count++) {
    await turns.next()
    if (isOver as boolean) return work
  }
  throw malformed()
}

/** Takes the parts of a form from its parser. */
export class FormCollector {
  readonly #parser: BusboyInstance
  readonly #fields: [string, string][] = []
  #spans: Uint8Array[] = []
  #isEmpty = true
  readonly #failed: Promise<never>
  #fieldLength = 0
  #file: Omit<FormFile, 'spans'> | undefined

  constructor(contentType: string) {
    this.#parser = parserOf(contentType)
    let reject: (error: Error) => void = () => undefined
    this.#failed = new Promise<never>((_resolve, fail) => {
      reject = fail
    })
    // A failure is that of the next write.
    this.#failed.catch(() => undefined)
    const refuse = (error: Error) => () => {
      reject(error)
    }
    this.#parser
      .on('error', refuse(malformed()))
      .on('fieldsLimit', refuse(tooMany()))
      .on('partsLimit', refuse(tooMany()))
      .on('filesLimit', refuse(invalidMember(FILE, 'A request must have one file')))
      .on('field', (name: string | undefined, value, _nameTruncated, isTruncated, encoding) => {
        if (name === undefined || !FIELD_NAME.test(name) || !PLAIN.includes(encoding)) {
          reject(malformed())
        } else if (isTruncated || (this.#fieldLength += value.length) > MAX_FIELD_BYTES) {
          reject(tooMany())
        } else this.#fields.push([name, value])
      })
      .on(
        'file',
        (name: string | undefined, stream, fileName: string | undefined, encoding, type) => {
          stream.on('error', refuse(malformed())).on('data', (part: Uint8Array) => {
            this.#spans.push(part)
            this.#isEmpty = false
          })
          if (name !== FILE) reject(invalidMember(FILE, 'The file must be in the part named file'))
          else if (!PLAIN.includes(encoding)) reject(malformed())
          this.#file = { extension: extensionOf(fileName), contentType: typeOf(type) }
        },
      )
  }

  /** Fields so far. */
  get fields(): FormFields {
    return this.#fields
  }

  /** File, once it has begun. */
  get file(): Omit<FormFile, 'spans'> | undefined {
    return this.#file
  }

  /** Takes the parts of the file that were read. They refer to the bytes that were written. */
  takeSpans(): readonly Uint8Array[] {
    const spans = this.#spans
    this.#spans = []
    return spans
  }

  /** Reads on. */
  write(piece: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#parser.write(piece, (error) => {
        if (error) reject(malformed())
        else resolve()
      })
    })
    return Promise.race([this.#failed, written])
  }

  /** Returns the form, which must be whole. */
  async end(): Promise<Form> {
    const finished = new Promise<void>((resolve) => {
      this.#parser.once('finish', resolve)
    })
    this.#parser.end()
    await Promise.race([this.#failed, finished])
    if (this.#file === undefined || this.#isEmpty) {
      throw invalidMember(FILE, 'A file is missing, or empty')
    }
    return { fields: this.#fields, file: { ...this.#file, spans: this.#spans } }
  }

  dispose(): void {
    this.#parser.removeAllListeners()
    this.#parser.on('error', () => undefined).destroy()
  }
}

function parserOf(contentType: string): BusboyInstance {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain ?? ''
  if (boundary === '' || boundary.length > MAX_BOUNDARY_LENGTH) throw malformed()
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: LIMITS,
      isPartAFile: (name, _type, fileName) => fileName !== undefined || name === FILE,
    })
  } catch {
    throw malformed()
  }
}

const extensionOf = (name: string | undefined): string | undefined =>
  /\.([a-z0-9]{1,8})$/i.exec(name ?? '')?.[1]?.toLowerCase()

const typeOf = (type: string): string =>
  /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/.test(type) ? type : 'application/octet-stream'

const malformed = (): HttpError =>
  new HttpError(400, 'The request is not a complete form of the type multipart/form-data')

const tooMany = (): HttpError =>
  new HttpError(413, 'The form has too many fields, or one too large')
