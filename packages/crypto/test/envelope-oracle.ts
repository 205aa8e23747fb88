import type { SecurityErrorCode } from '../src/errors.js'
import type { OpenOptions } from '../src/suite.js'
import type { EnvelopeParts } from '../src/wire-v1/format.js'

/** The parts of an envelope, or the codes of its faults, any of which may be reported. */
export type Verdict = EnvelopeParts | readonly SecurityErrorCode[]

const MAX_DEPTH = 32
const LABELS = {
  version: '1.0',
  algorithm: 'hybrid-aes256-rsa4096',
  key_algorithm: 'RSA-OAEP-SHA256',
  payload_algorithm: 'AES-256-GCM',
}

type Json = Record<string, unknown>

/** Reads an envelope plainly, by `JSON.parse` and one check after another, to compare the reader with. */
export function readPlainly(body: Uint8Array, options: OpenOptions): Verdict {
  let text: string
  let envelope: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return mayBeDeep(Buffer.from(body).toString('latin1'))
  }
  try {
    envelope = JSON.parse(text)
  } catch {
    return mayBeDeep(text)
  }
  if (isDeep(text)) return ['ERR_ENVELOPE_TOO_LARGE']
  if (!isObject(envelope)) return ['ERR_ENVELOPE_INVALID']
  const label = wrongLabel(envelope)
  if (label !== undefined) return [label]
  const payload = own(envelope, 'encrypted_payload')
  if (!isObject(payload)) return ['ERR_ENVELOPE_INVALID']
  const isAppended = options.acceptAppendedTag === true && !Object.hasOwn(payload, 'tag')
  const ciphertext = base64(own(payload, 'ciphertext'))
  const tag = isAppended ? Buffer.alloc(0) : base64(own(payload, 'tag'))
  const nonce = base64(own(payload, 'nonce'))
  const wrappedKey = base64(own(envelope, 'encrypted_aes_key'))
  const processedAt = own(envelope, 'processed_at') ?? null
  if (
    ciphertext === undefined ||
    tag?.length !== (isAppended ? 0 : 16) ||
    ciphertext.length + tag.length < 16 ||
    nonce?.length !== 12 ||
    wrappedKey === undefined ||
    wrappedKey.length < 256 ||
    wrappedKey.length > 1024 ||
    !(processedAt === null || Number.isFinite(processedAt))
  ) {
    return ['ERR_ENVELOPE_INVALID']
  }
  return {
    ciphertextAndTag: new Uint8Array(Buffer.concat([ciphertext, tag])),
    nonce: new Uint8Array(nonce),
    wrappedKey: new Uint8Array(wrappedKey),
    processedAt: processedAt as number | null,
    tagIsAppended: isAppended,
  }
}

/** The deep part may come before the malformed one, or behind it. */
const mayBeDeep = (text: string): readonly SecurityErrorCode[] =>
  isDeep(text) ? ['ERR_ENVELOPE_TOO_LARGE', 'ERR_ENVELOPE_INVALID'] : ['ERR_ENVELOPE_INVALID']

function isDeep(text: string): boolean {
  if (text.split(/[[{]/).length <= MAX_DEPTH) return false
  let depth = 0
  let deepest = 0
  for (const bracket of text.replace(/"(?:\\.|[^"\\])*"?/gs, '').match(/[[\]{}]/g) ?? []) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1
    deepest = Math.max(deepest, depth)
  }
  return deepest > MAX_DEPTH
}

function wrongLabel(envelope: Json): SecurityErrorCode | undefined {
  const isEarly =
    !Object.hasOwn(envelope, 'key_algorithm') && !Object.hasOwn(envelope, 'payload_algorithm')
  for (const [name, expected] of Object.entries(LABELS).slice(0, isEarly ? 2 : 4)) {
    if (!Object.hasOwn(envelope, name)) return 'ERR_ENVELOPE_INVALID'
    if (envelope[name] !== expected) return 'ERR_ENVELOPE_UNSUPPORTED'
  }
  return undefined
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (object: Json, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined

function base64(value: unknown): Buffer | undefined {
  if (typeof value !== 'string') return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? bytes : undefined
}
