import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Found by its name, because this file may have become part of another one. */
const manifest = createRequire(import.meta.url).resolve('@nomyo-internal/testing/package.json')
/** The JSON files made with the reference clients; keys are test-only. */
const dataFolder = new URL('data/nomyo/', pathToFileURL(manifest))
/** The JSON files made with swtpm and tpm2-tools; keys are test-only. */
const tpmFolder = new URL('data/tpm/', pathToFileURL(manifest))

/** Evidence of real machines, from public sources; unchanged. */
const realFolder = new URL('data/real/', pathToFileURL(manifest))

/** Vectors of wire 2, of this project and others. */
const wire2Folder = new URL('data/wire2/', pathToFileURL(manifest))

/** Returns vectors of wire 2 by their file, see `data/wire2/README.md`. */
export function wire2Vectors(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`${file}.json`, wire2Folder), 'utf8'))
}

export interface RequestVector {
  name: string
  recipient: string
  body: string
  aes_key_hex: string
  plaintext: string
  value: unknown
}

export interface ResponseVector {
  name: string
  recipient: string
  payload_id: string
  body: string
  aes_key_hex: string
  plaintext: string
  expected: Record<string, unknown>
}

export interface KeyVector {
  file: string
  kind: 'private' | 'public' | 'pair'
  expect: string
  why: string
  bits?: number
  spki_sha256?: string
  public?: string
  password?: string
  recommend?: string
}

/** A text built from parts, so that large inputs need no large files. */
export type Recipe = string | { repeat: [string, number] } | { concat: Recipe[] } | { seal: Recipe }

export interface MalformedVector {
  name: string
  class: string
  strict: 'must' | 'policy' | 'effect'
  client_error: string | null
  gateway_status: number | null
  body?: string
  body_base64?: string
  recipe?: Recipe
}

export interface HeaderVector {
  name: string
  value: string
  expect: 'accept' | 'reject' | 'policy'
  why: string
}

export interface StatusVector {
  case: string
  status: number
  python: { message: string; error_details: unknown }
  recommend: { class: string; retry: boolean }
}

/** A quote on the wire, and what a verifier must say of it. */
export interface QuoteVector {
  name: string
  kind: 'positive' | 'negative' | 'edge'
  payload_id: string
  expected_extra_data: { mode: string; hex: string }
  policy?: {
    ak_name?: string
    qualified_signer?: string
    require_trust?: boolean
    required_pcrs?: string[]
    reference_values?: Record<string, Record<string, string[]>>
    previous_clock?: {
      clock: string
      resetCount: number
      restartCount: number
      firmwareVersion: string
    }
  }
  tpm_attestation: Record<string, unknown>
  expect: { fail: string[]; warn: string[] }
  parsed?: Record<string, unknown>
}

/** One file made with a software TPM, by its name. */
export const tpmVector = <T>(name: string): T => readJson<T>(new URL(`${name}.json`, tpmFolder))

/** Returns a file of a real machine: PEM as text, anything else as bytes. */
export const realEvidence = (file: string): string | Uint8Array =>
  readFileSync(new URL(file, realFolder), file.endsWith('.pem') ? 'utf8' : null)

/** Every quote made with a software TPM or by hand, with the verdicts expected of it. */
export const quoteVectors = (): QuoteVector[] =>
  readdirSync(tpmFolder)
    .filter((file) => /^(?:pos|neg|edge)-/.test(file))
    .map((file) => tpmVector<QuoteVector>(file.replace(/\.json$/, '')))

export const requestVectors = (): RequestVector[] =>
  load<VectorFile<RequestVector>>('requests').vectors

export const responseVectors = (): ResponseVector[] =>
  load<VectorFile<ResponseVector>>('responses').vectors

export const keyVectors = (): KeyVector[] => load<KeyFile>('keys').keys

export const malformedVectors = (): MalformedVector[] =>
  load<VectorFile<MalformedVector>>('malformed').vectors

export const statusVectors = (): StatusVector[] =>
  load<{ statuses: StatusVector[] }>('errors').statuses

export function headerVectors(): { spkiSha256: string; vectors: HeaderVector[] } {
  const file = load<VectorFile<HeaderVector & { value_base64?: string }> & { spki_sha256: string }>(
    'headers',
  )
  const vectors = file.vectors.map((vector) => ({
    ...vector,
    value: vector.value_base64 === undefined ? vector.value : fromBase64(vector.value_base64),
  }))
  return { spkiSha256: file.spki_sha256, vectors }
}

/** One key file, byte for byte. PEM armour is put on here, so that no private PEM lies in the tree. */
export function keyFile(path: string): Uint8Array {
  const entry = load<KeyFile>('keys').files[path]
  if (entry === undefined) throw new Error(`no key file ${path} among the vectors`)
  if (entry.text !== undefined) return new Uint8Array(Buffer.from(entry.text, 'base64'))
  const { label, der, eol, final_newline: finalNewline } = entry
  const newline = eol === 'crlf' ? '\r\n' : '\n'
  const lines = [
    `-----BEGIN ${label}-----`,
    ...(der.match(/.{1,64}/g) ?? []),
    `-----END ${label}-----`,
  ]
  return new TextEncoder().encode(lines.join(newline) + (finalNewline === false ? '' : newline))
}

/** The same as text. */
export const keyPem = (path: string): string => new TextDecoder().decode(keyFile(path))

/** The bytes of a malformed envelope; `seal` is asked to seal a text for `keys/client` where a recipe says so. */
export async function malformedBody(
  vector: MalformedVector,
  seal: (plaintext: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (vector.body !== undefined) return new TextEncoder().encode(vector.body)
  if (vector.body_base64 !== undefined)
    return new Uint8Array(Buffer.from(vector.body_base64, 'base64'))
  const recipe = vector.recipe
  if (recipe === undefined) throw new Error(`vector "${vector.name}" has no body`)
  if (typeof recipe === 'object' && 'seal' in recipe) return seal(cook(recipe.seal))
  return new TextEncoder().encode(cook(recipe))
}

/**
 * Reads one file of the Wycheproof project, or returns undefined where it is not installed.
 * The folder is named by the environment variable NOMYO_WYCHEPROOF_DIR.
 */
export function wycheproof<T>(file: string): T | undefined {
  const folder = process.env['NOMYO_WYCHEPROOF_DIR']
  if (folder === undefined || folder === '') return undefined
  const path = join(folder, file)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
}

interface VectorFile<T> {
  vectors: T[]
}

interface KeyFile {
  keys: KeyVector[]
  files: Record<
    string,
    | { text: string; label?: never; der?: never; eol?: never; final_newline?: never }
    | { text?: never; label: string; der: string; eol?: 'crlf'; final_newline?: false }
  >
}

const load = <T>(name: string): T => readJson<T>(new URL(`${name}.json`, dataFolder))

const readJson = <T>(file: URL): T => JSON.parse(readFileSync(file, 'utf8')) as T

const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('latin1')

function cook(recipe: Recipe): string {
  if (typeof recipe === 'string') return recipe
  if ('repeat' in recipe) return recipe.repeat[0].repeat(recipe.repeat[1])
  if ('concat' in recipe) return recipe.concat.map(cook).join('')
  throw new Error('only the outermost part of a recipe can be sealed')
}
