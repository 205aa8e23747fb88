import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { JsonBytes } from '../../../json/json-bytes.js'
import type { RequestBody, UploadTimes } from '../../../upstreams/route.js'
import type { Form, FormFields, FormFile } from './read-form.js'
import type { ArrivingForm } from './stream-form.js'

/**
 * Writes a form anew, so that every reader finds the same parts in it: `model` first, the file last, under a
 * name that tells its format only.
 *
 * @param source - what the spans of the file are parts of
 */
export function writeForm({ fields, file }: Form, source: Uint8Array): RequestBody {
  const { contentType, before, behind } = framesOf(fields, file)
  const body = new JsonBytes([...before, ...file.spans, behind], source)
  return { contentType, byteLength: body.byteLength, toBody: () => body.toBody() }
}

/**
 * Writes a form anew as {@link writeForm} does, while its file arrives. The end of the form, and of the body, is
 * written only once the file has ended: what fails before is no form, for any reader.
 */
export function writeArrivingForm(
  { fields, file, parts }: ArrivingForm,
  times: UploadTimes,
): RequestBody & { readonly hasBegun: () => boolean } {
  const { contentType, before, behind } = framesOf(fields, file)
  let hasBegun = false
  let settle: (isWhole: boolean) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const sent = new Promise<boolean>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  // Of no effect where no answer waits for it.
  sent.catch(() => undefined)
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    hasBegun = true
    let isWhole = false
    try {
      yield* before
      yield* parts
      yield behind
      isWhole = true
    } catch (error) {
      fail(error)
      throw error
    } finally {
      settle(isWhole)
    }
  }
  return {
    contentType,
    byteLength: undefined,
    toBody: () => Readable.from(body()),
    upload: { sent, times },
    hasBegun: () => hasBegun,
  }
}

/** Creates everything but the bytes of the file. */
function framesOf(
  fields: FormFields,
  { extension, contentType }: Omit<FormFile, 'spans'>,
): { readonly contentType: string; readonly before: readonly Buffer[]; readonly behind: Buffer } {
  const boundary = `nomyo-${randomUUID()}`
  const head = (disposition: string, type = ''): string =>
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n${type}\r\n`
  const texts = inOrder(fields).map(([name, value]) => `${head(`name="${name}"`)}${value}\r\n`)
  const fileName = extension === undefined ? 'audio' : `audio.${extension}`
  const fileHead = head(`name="file"; filename="${fileName}"`, `content-type: ${contentType}\r\n`)
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    before: [...texts, fileHead].map((text) => Buffer.from(text)),
    behind: Buffer.from(`\r\n--${boundary}--\r\n`),
  }
}

function inOrder(fields: FormFields): FormFields {
  const isModel = ([name]: FormFields[number]): boolean => name === 'model'
  return [...fields.filter(isModel), ...fields.filter((field) => !isModel(field))]
}
