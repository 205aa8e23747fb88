import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../../errors.js'

/** First bytes of every GGUF file. */
export const GGUF_MARK = Buffer.from('GGUF')

/** Names of files that are one part of a model. */
const PART = /-\d{5}-of-\d{5}\.gguf$/i

/**
 * Checks that a file is one that begins as a GGUF model does.
 *
 * @returns its size in bytes
 * @throws GatewayError `ERR_MODEL_FILE`
 */
export async function checkModelFile(path: string): Promise<number> {
  const file = await open(path).catch((error: unknown) => {
    throw fileError(`the model ${path} cannot be read (${errnoCode(error)}).`)
  })
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw fileError(`the model ${path} is not a file.`)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(GGUF_MARK.length), { position: 0 })
    if (!buffer.subarray(0, bytesRead).equals(GGUF_MARK)) {
      throw fileError(
        `${path} is not a GGUF model: it does not begin with the letters GGUF. A saved web page or a pointer of Git LFS does not either.`,
      )
    }
    return stats.size
  } finally {
    await file.close()
  }
}

/**
 * Computes the SHA-256 of a model as hexadecimal digits.
 *
 * @throws GatewayError `ERR_MODEL_FILE` for a file that cannot be read, and for one part of a model
 * @throws the reason of the signal
 */
export async function hashModel(path: string, signal?: AbortSignal): Promise<string> {
  if (PART.test(path)) {
    throw fileError(
      `${path} is one part of a model, and --model-sha256 works with models in a single file only.`,
    )
  }
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash, { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw fileError(`the model ${path} cannot be read (${errnoCode(error)}).`)
  }
  return hash.digest('hex')
}

/** Creates the error for a file that is not the expected one. */
export const wrongHash = (path: string, actual: string): GatewayError =>
  fileError(`the SHA-256 of ${path} is ${actual}, not the one of --model-sha256.`)

const fileError = (message: string): GatewayError => new GatewayError('ERR_MODEL_FILE', message)
