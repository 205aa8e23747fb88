import { homedir } from 'node:os'
import { join } from 'node:path'
import { isLoopback } from '@nomyo-internal/http-server'

/** Place of a model. */
export type ModelLocation = {
  /** Names for callers, derived from the place. */
  readonly names: readonly [string, ...string[]]
} & (
  | { readonly kind: 'file'; readonly path: string }
  /** Repository of Hugging Face, as `hf:USER/REPOSITORY:QUANTIZATION` or `hf:USER/REPOSITORY/FILE`. */
  | { readonly kind: 'hf'; readonly uri: string }
  | { readonly kind: 'url'; readonly url: string }
)

/** Description of the accepted forms, for messages. */
export const MODEL_LOCATION_FORM =
  'must be a file, hf:USER/REPOSITORY:QUANTIZATION, or an https:// URL that ends with .gguf'

const NAME = String.raw`\w[\w.-]*`
const HUGGING_FACE = new RegExp(
  `^hf:(${NAME}/${NAME})(?:(:${NAME})|(?:/${NAME})*/(${NAME}\\.gguf)(?:#${NAME})?)?$`,
  'i',
)
/** Letters that begin a URL; a single one is a drive of Windows. */
const SCHEME = /^[a-z][\w+.-]+:/i

/**
 * Reads the place of a model. The names of `hf:Qwen/Qwen3-0.6B-GGUF:Q8_0` are that of the model itself, that of the
 * repository, and that with the quantization; of a file, that of the file.
 *
 * @returns undefined for a text of another form
 */
export function parseModelLocation(text: string): ModelLocation | undefined {
  const [uri, repository = '', quantization = '', file] = HUGGING_FACE.exec(text) ?? []
  if (uri !== undefined) {
    const model = repository.replace(/-gguf$/i, '')
    const [, ...others] = new Set([model, repository, repository + quantization])
    return { kind: 'hf', uri, names: file === undefined ? [model, ...others] : [stem(file)] }
  }
  if (SCHEME.test(text)) {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !isFetchable(url) || !/\.gguf$/i.test(url.pathname)) return undefined
    return { kind: 'url', url: url.href, names: [stem(decodePath(url.pathname))] }
  }
  if (text.trim() === '' || text.includes('\0')) return undefined
  return { kind: 'file', path: text, names: [stem(text)] }
}

/**
 * Checks that nothing between here and the server can replace a file: HTTPS, or loopback. A user name or
 * password in a URL would appear in process lists.
 */
export function isFetchable({ protocol, hostname, username, password, hash }: URL): boolean {
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
  return isSafe && `${username}${password}${hash}` === ''
}

/** Describes a place without the query of a URL, which may hold a secret. */
export function describeLocation(location: ModelLocation): string {
  if (location.kind === 'file') return location.path
  if (location.kind === 'hf') return location.uri
  const { origin, pathname } = new URL(location.url)
  return origin + pathname
}

/** Folder of fetched models by default. */
export function defaultModelCache(
  { XDG_CACHE_HOME: cache = '' }: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return join(cache === '' ? join(homedir(), '.cache') : cache, 'nomyo', 'models')
}

/** Name of a file without its folders, of any system, and without its extension. */
const stem = (path: string): string =>
  (path.split(/[/\\]/).at(-1) ?? '').replace(/\.gguf$/i, '') || 'model'

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // A percent sign of its own.
    return path
  }
}
