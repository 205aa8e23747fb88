import { randomUUID } from 'node:crypto'
import { JsonBytes } from '../../../json/json-bytes.js'
import type { RequestBody } from '../../../upstreams/route.js'
import type { Form } from './read-form.js'

/**
 * Writes a form anew, so that every reader finds the same parts in it: `model` first, the file last, under a
 * name that tells its format only.
 *
 * @param source - what the spans of the file are parts of
 */
export function writeForm({ fields, file }: Form, source: Uint8Array): RequestBody {
  const boundary = `nomyo-${randomUUID()}`
  const head = (disposition: string, type = ''): string =>
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n${type}\r\n`
  const texts = inOrder(fields).map(([name, value]) => `${head(`name="${name}"`)}${value}\r\n`)
  const fileName = file.extension === undefined ? 'audio' : `audio.${file.extension}`
  const body = new JsonBytes(
    [
      ...texts.map((text) => Buffer.from(text)),
      Buffer.from(
        head(`name="file"; filename="${fileName}"`, `content-type: ${file.contentType}\r\n`),
      ),
      ...file.spans,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ],
    source,
  )
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    byteLength: body.byteLength,
    toBody: () => body.toBody(),
  }
}

function inOrder(fields: Form['fields']): Form['fields'] {
  const isModel = ([name]: Form['fields'][number]): boolean => name === 'model'
  return [...fields.filter(isModel), ...fields.filter((field) => !isModel(field))]
}
