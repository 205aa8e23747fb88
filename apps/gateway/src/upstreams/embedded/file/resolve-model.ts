import { rm } from 'node:fs/promises'
import type { Logger } from '../../../observability/log.js'
import { checkModelFile, hashModel, wrongHash } from './check-file.js'
import { downloadModel, type ModelFetcher } from './download-model.js'
import { defaultModelCache, type ModelLocation } from './model-location.js'

/** Place of a model, and what it must be. */
export interface ModelSource {
  readonly location: ModelLocation
  /** Folder of fetched models. Default: `nomyo/models` in the folder of caches of the user. */
  readonly cacheFolder?: string | undefined
  /** SHA-256 of the file as 64 hexadecimal digits. Default: not checked. */
  readonly sha256?: string | undefined
}

/**
 * Returns the path of a model on this machine, fetched if need be and checked.
 *
 * @param signal - cancels a download
 * @throws GatewayError `ERR_MODEL_FILE`, `ERR_MODEL_DOWNLOAD`
 */
export async function resolveModel(
  { location, cacheFolder: folder = defaultModelCache(), sha256 }: ModelSource,
  library: ModelFetcher,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<string> {
  const path =
    location.kind === 'file'
      ? location.path
      : await downloadModel(location, library, { folder, logger, signal })
  await checkModelFile(path)
  if (sha256 === undefined) return path
  const actual = await hashModel(path, signal)
  if (actual === sha256.toLowerCase()) return path
  // The next start would find the same file.
  if (location.kind !== 'file') await rm(path, { force: true })
  throw wrongHash(path, actual)
}
