import { partsOf, type ByteSource, type UploadSource } from './upload-source.js'

/** A file of a form. */
export interface FormFile {
  readonly name: string
  readonly fileName: string
  readonly type: string
  /** In bytes, where it is known. */
  readonly length: number | undefined
  readonly open: () => ByteSource
  /** False where it can be read once. */
  readonly canRepeat: boolean
}

/** A form whose files are read when they are sent. */
export class UploadForm {
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly files: readonly FormFile[]

  constructor(fields: UploadForm['fields'], files: readonly FormFile[]) {
    this.fields = fields
    this.files = files
  }

  static from(form: FormData): UploadForm {
    const entries = [...form.entries()] as (readonly [string, string | File])[]
    return new UploadForm(
      entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
      entries.flatMap(([name, value]) =>
        typeof value === 'string' ? [] : [fileOf(name, value, value.name)],
      ),
    )
  }
}

/** Describes a file in memory, or of the system. */
export const fileOf = (name: string, file: Blob, fileName: string): FormFile => ({
  ...{ name, fileName, type: file.type, length: file.size, canRepeat: true },
  open: () => file.stream(),
})

/**
 * Encodes a form as `multipart/form-data`: the model first, then other texts, then files. A gateway knows what a
 * request asks for before the first byte of a file arrives.
 */
export function encodeForm({
  fields,
  files,
}: UploadForm): UploadSource & { readonly type: string } {
  const boundary = `nomyo-${crypto.randomUUID()}`
  const isModel = ([name]: UploadForm['fields'][number]): boolean => name === 'model'
  const inOrder = [...fields.filter(isModel), ...fields.filter((one) => !isModel(one))]
  const head = (name: string, more: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"${more}\r\n\r\n`
  const texts = inOrder.map(([name, value]) => head(name, '') + linesOf(value) + '\r\n')
  const heads = files.map(({ name, fileName, type }) =>
    utf8(
      head(
        name,
        `; filename="${quoted(fileName)}"\r\ncontent-type: ${type || 'application/octet-stream'}`,
      ),
    ),
  )
  const before = utf8(texts.join(''))
  const behind = utf8(`--${boundary}--\r\n`)
  const lineEnd = utf8('\r\n')
  const lengths = [
    before.length + behind.length,
    ...heads.map((bytes) => bytes.length + lineEnd.length),
    ...files.map(({ length }) => length ?? Number.NaN),
  ]
  const length = lengths.reduce((sum, one) => sum + one, 0)
  let isRead = false

  async function* parts(): AsyncGenerator<Uint8Array, void, undefined> {
    yield before
    for (const [at, file] of files.entries()) {
      yield heads[at] ?? before
      yield* partsOf(file.open())
      yield lineEnd
    }
    yield behind
  }
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length: Number.isNaN(length) ? undefined : length,
    open: () => {
      isRead = true
      return parts()
    },
    canRepeat: () => !isRead || files.every(({ canRepeat }) => canRepeat),
  }
}

/** Escapes a name as browsers do. */
const quoted = (name: string): string =>
  linesOf(name).replace(/[\r\n"]/g, (one) =>
    `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`.toUpperCase(),
  )

/** Ends every line of a text as forms do. */
const linesOf = (text: string): string => text.replace(/\r\n?|\n/g, '\r\n')

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
