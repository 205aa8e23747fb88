import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../../errors.js'
import type { Logger } from '../../../observability/log.js'
import { GGUF_MARK, checkModelFile } from './check-file.js'
import { describeLocation, isFetchable, type ModelLocation } from './model-location.js'

/** The part of `node-llama-cpp` that fetches files. */
export interface ModelFetcher {
  resolveModelFile(
    uri: string,
    options: {
      readonly directory: string
      readonly fileName?: string | undefined
      readonly download: 'auto' | false
      readonly cli: false
      readonly endpoints?: { readonly huggingFace: string }
      readonly signal?: AbortSignal
      readonly onProgress?: (progress: DownloadProgress) => void
    },
  ): Promise<string>
}

interface DownloadProgress {
  readonly totalSize: number
  readonly downloadedSize: number
}

/** Place of a model that is not on this machine. */
export type RemoteLocation = Exclude<ModelLocation, { readonly kind: 'file' }>

/** Circumstances of a download. */
export interface DownloadContext {
  /** Folder of fetched models, created if missing. */
  readonly folder: string
  readonly logger: Logger
  /** Cancels the download. */
  readonly signal: AbortSignal
  /** Address of Hugging Face or of a mirror. Default: that of `HF_ENDPOINT`, or `https://huggingface.co`. */
  readonly huggingFace?: string | undefined
  /** Time without any byte after which the download fails, in milliseconds. Default: a minute. */
  readonly stallMs?: number | undefined
}

const HUGGING_FACE = 'https://huggingface.co'
const CONNECT_TIMEOUT_MS = 20_000
const STALL_MS = 60_000
const REPORT_INTERVAL_MS = 5000
/** Folders of downloads in progress; those that a crash left are removed after a day. */
const PARTIAL = '.partial-'
const STALE_AFTER_MS = 24 * 60 * 60 * 1000
const MB = 1_000_000

/**
 * Returns the file of a model, fetched into a folder unless it is there. Several processes may do so at the
 * same time: a file appears in the folder once it is whole.
 *
 * @throws GatewayError `ERR_MODEL_DOWNLOAD`, and `ERR_MODEL_FILE` for a file that is no model
 * @throws the reason of the signal
 */
export async function downloadModel(
  location: RemoteLocation,
  library: ModelFetcher,
  context: DownloadContext,
): Promise<string> {
  const { folder, logger, signal } = context
  const shown = describeLocation(location)
  const fetched = await findFetched(location, library, folder)
  if (fetched !== undefined) {
    logger.info(`model ${shown}: found ${fetched}`)
    return fetched
  }
  const huggingFace = context.huggingFace ?? process.env['HF_ENDPOINT'] ?? HUGGING_FACE
  if (!URL.canParse(huggingFace) || !isFetchable(new URL(huggingFace))) {
    throw downloadError('HF_ENDPOINT must be an https:// URL, or an http:// URL of this machine.')
  }
  const server = new URL(location.kind === 'hf' ? huggingFace : location.url)
  logger.info(`model ${shown} is not in ${folder}: connecting to ${server.host}`)
  const size = await checkServer(location, server, signal)
  const partial = await createPartialFolder(folder)
  try {
    await checkSpace(shown, folder, size)
    const watch = new DownloadWatch(shown, partial, context)
    const path = await watch.run((stop, onProgress) =>
      library.resolveModelFile(
        ...request(location, partial, {
          ...{ download: 'auto', endpoints: { huggingFace } },
          ...{ signal: stop, onProgress },
        }),
      ),
    )
    await checkModelFile(path)
    // All files of a model, the first one last.
    const names = (await readdir(partial)).filter((name) => name !== basename(path))
    for (const name of [...names, basename(path)]) {
      await rename(join(partial, name), join(folder, name))
    }
    const target = join(folder, basename(path))
    logger.info(`model ${shown}: downloaded to ${target}`)
    return target
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof GatewayError) throw error
    throw downloadError(
      `the model ${shown} cannot be downloaded (${reasonOf(error)})${location.kind === 'hf' ? ': it may not exist, or require an access token in HF_TOKEN' : ''}.`,
    )
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

/** Returns the file of a model that was fetched into a folder earlier; undefined where there is none. */
export async function findFetched(
  location: RemoteLocation,
  library: ModelFetcher,
  folder: string,
): Promise<string | undefined> {
  try {
    return await library.resolveModelFile(...request(location, folder, { download: false }))
  } catch {
    return undefined
  }
}

type FetchOptions = Parameters<ModelFetcher['resolveModelFile']>[1]

const request = (
  location: RemoteLocation,
  directory: string,
  options: Omit<FetchOptions, 'cli' | 'directory' | 'fileName'>,
): [string, FetchOptions] =>
  location.kind === 'hf'
    ? [location.uri, { ...options, directory, cli: false }]
    : [location.url, { ...options, directory, cli: false, fileName: fileNameOf(location.url) }]

/** Reports the progress of a download, and stops it when it stalls or the disk is too small. */
class DownloadWatch {
  readonly #shown: string
  readonly #folder: string
  readonly #context: DownloadContext
  readonly #stop = new AbortController()
  readonly #begin = performance.now()
  #stall: ReturnType<typeof setTimeout> | undefined
  #reported = 0
  #bytes = -1

  constructor(shown: string, folder: string, context: DownloadContext) {
    this.#shown = shown
    this.#folder = folder
    this.#context = context
  }

  async run(
    download: (
      signal: AbortSignal,
      onProgress: (progress: DownloadProgress) => void,
    ) => Promise<string>,
  ): Promise<string> {
    const signal = AbortSignal.any([this.#context.signal, this.#stop.signal])
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error)
      })
    })
    this.#expectBytes()
    try {
      // The library may take its time to stop.
      return await Promise.race([
        stopped,
        download(signal, (progress) => {
          this.#onProgress(progress)
        }),
      ])
    } finally {
      clearTimeout(this.#stall)
    }
  }

  #onProgress({ totalSize, downloadedSize }: DownloadProgress): void {
    if (downloadedSize === this.#bytes) return
    if (this.#bytes === -1) {
      this.#context.logger.info(`model ${this.#shown}: downloading ${megabytes(totalSize)} MB`)
      checkSpace(this.#shown, this.#folder, totalSize).catch((error: unknown) => {
        this.#stop.abort(error)
      })
    }
    this.#bytes = downloadedSize
    this.#expectBytes()
    const now = performance.now()
    if (now - Math.max(this.#reported, this.#begin) < REPORT_INTERVAL_MS) return
    this.#reported = now
    const percent = Math.floor((downloadedSize / totalSize) * 100)
    const perSecond = downloadedSize / ((now - this.#begin) / 1000)
    this.#context.logger.info(
      `model ${this.#shown}: ${String(percent)} % of ${megabytes(totalSize)} MB, ${megabytes(perSecond)} MB/s`,
    )
  }

  #expectBytes(): void {
    clearTimeout(this.#stall)
    const { stallMs = STALL_MS } = this.#context
    this.#stall = setTimeout(() => {
      const reason = `no data arrived for ${String(stallMs / 1000)} seconds`
      this.#stop.abort(cannotFetch(this.#shown, reason))
    }, stallMs)
  }
}

/** Checks that a disk has the space for a file of this size; the library takes any size for granted. */
async function checkSpace(shown: string, folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= needed) return
  const reason = `its folder needs ${megabytes(needed)} MB, but only ${megabytes(free)} MB are free`
  throw cannotFetch(shown, reason)
}

/**
 * Checks that a server can be reached, and that a file there is a model: the library would repeat its attempts
 * without an end.
 *
 * @returns the size of the file as far as it is known, else 0
 */
async function checkServer(
  location: RemoteLocation,
  server: URL,
  cancelled: AbortSignal,
): Promise<number> {
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(CONNECT_TIMEOUT_MS)])
  const isFile = location.kind === 'url'
  let response: Response
  try {
    response = await fetch(server, {
      ...(isFile ? { headers: { range: 'bytes=0-3' } } : { method: 'HEAD' }),
      signal,
    })
  } catch (error) {
    cancelled.throwIfAborted()
    throw downloadError(
      `${server.host} cannot be reached (${reasonOf(error)}): check the network, or download ${describeLocation(location)} elsewhere and set --model to the path of the file.`,
    )
  }
  try {
    if (!isFile) return 0
    const where = describeLocation(location)
    if (!response.ok)
      throw downloadError(`${where} responds with status ${String(response.status)}.`)
    if (!(await readMark(response.body)).equals(GGUF_MARK)) {
      throw downloadError(`${where} is not a GGUF model: it does not begin with the letters GGUF.`)
    }
    return sizeOf(response.headers)
  } catch (error) {
    cancelled.throwIfAborted()
    throw error instanceof GatewayError
      ? error
      : downloadError(`${server.host} does not send the model (${reasonOf(error)}).`)
  } finally {
    // Of an answer that was not read, or not to its end.
    if (response.body?.locked === false) await response.body.cancel().catch(() => undefined)
  }
}

/** Reads as many bytes as the mark of a model has, and ends the answer. */
async function readMark(body: Response['body']): Promise<Buffer> {
  const reader = body?.getReader()
  let bytes = Buffer.alloc(0)
  while (bytes.length < GGUF_MARK.length) {
    const part = await reader?.read()
    if (part?.value === undefined) break
    bytes = Buffer.concat([bytes, part.value])
  }
  await reader?.cancel()
  return bytes.subarray(0, GGUF_MARK.length)
}

async function createPartialFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(folder)) {
      if (!name.startsWith(PARTIAL)) continue
      const { mtimeMs } = await stat(join(folder, name))
      if (Date.now() - mtimeMs < STALE_AFTER_MS) continue
      await rm(join(folder, name), { recursive: true, force: true })
    }
    return await mkdtemp(join(folder, PARTIAL))
  } catch (error) {
    throw downloadError(
      `${folder} cannot be written (${errnoCode(error)}): set --model-cache to another folder.`,
    )
  }
}

/** Name of a file of a web server: those of other addresses have another one. */
function fileNameOf(url: string): string {
  const { origin, pathname } = new URL(url)
  const hash = createHash('sha256')
    .update(origin + pathname)
    .digest('hex')
    .slice(0, 16)
  return `${hash}_${basename(pathname).replaceAll(/[^\w.-]/g, '_')}`
}

/** Reason of a failure as a code: `fetch` has it in the cause. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? errnoCode(error.cause) : errnoCode(error)

/** Size of a whole file, from the answer that has it or a part of it. */
function sizeOf(headers: Headers): number {
  const [, total] = /\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  return Number(total ?? headers.get('content-length') ?? 0)
}

const megabytes = (bytes: number): string => (bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)

const cannotFetch = (shown: string, reason: string): GatewayError =>
  downloadError(`the model ${shown} cannot be downloaded: ${reason}.`)

const downloadError = (message: string): GatewayError =>
  new GatewayError('ERR_MODEL_DOWNLOAD', message)
