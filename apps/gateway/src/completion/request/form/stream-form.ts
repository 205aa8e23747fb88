import { HttpError } from '../../../http-error.js'
import type { EventLoopTurns } from '../../../json/event-loop-turns.js'
import {
  FormCollector,
  PIECE_BYTES,
  unlessStuck,
  type FormFields,
  type FormFile,
} from './read-form.js'

/** Form whose file is still arriving. */
export interface ArrivingForm {
  /** All fields: none may follow the file. */
  readonly fields: FormFields
  readonly file: Omit<FormFile, 'spans'>
  /**
   * The file, part by part, as copies. Ends once the content has ended and the form is whole.
   *
   * Throws what the content throws; HttpError 400, 413.
   */
  readonly parts: AsyncGenerator<Uint8Array, void, undefined>
}

/**
 * Reads a form up to its file, which is not held.
 *
 * @param content - in parts, each valid until the next one is asked for
 * @param contentType - with the boundary
 * @throws HttpError 400, 413; a ConfidentialRefusal where it names a field; and what `content` throws
 */
export async function openForm(
  content: AsyncGenerator<Uint8Array, void, undefined>,
  contentType: string,
  turns: EventLoopTurns,
): Promise<ArrivingForm> {
  const collector = new FormCollector(contentType)
  const end = (): Promise<unknown> => {
    collector.dispose()
    return content.return()
  }
  /** Reads one part of the content; returns false at its end. */
  const readOn = async (): Promise<boolean> => {
    const { done, value } = await content.next()
    if (done === true) {
      await unlessStuck(collector.end(), turns)
      return false
    }
    for (let at = 0; at < value.length; at += PIECE_BYTES) {
      await unlessStuck(collector.write(value.subarray(at, at + PIECE_BYTES)), turns)
    }
    return true
  }
  try {
    while (collector.file === undefined) await readOn()
  } catch (error) {
    await end()
    throw error
  }
  const { file } = collector
  const fields = [...collector.fields]

  async function* parts(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let goesOn = true; goesOn;) {
        if (collector.fields.length > fields.length) throw fieldBehindFile()
        const spans = collector.takeSpans()
        if (spans.length > 0) yield Buffer.concat(spans)
        goesOn = await readOn()
      }
    } finally {
      await end()
    }
  }
  return { fields, file, parts: parts() }
}

const fieldBehindFile = (): HttpError =>
  new HttpError(400, 'In a form of this size, the file comes after all other fields')
