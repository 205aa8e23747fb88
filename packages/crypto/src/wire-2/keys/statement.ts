import { platform } from '#crypto-platform'
import { type Bytes, ownBytes } from '../../bytes/bytes.js'
import { decodeBase64Text } from '../../bytes/decode-base64.js'
import { isJsonObject } from '../../bytes/json-object.js'
import { SecurityError } from '../../errors.js'
import {
  requireArgument,
  requireBytes,
  requireInteger,
  requireList,
  requireOptions,
} from '../../arguments.js'
import { CHUNK_BYTES, GATEWAY_PATH, STATEMENT_TYPE, ascii } from '../labels.js'
import { type IdentityKey, verifyIdentity } from './identity.js'
import { type KeyConfig, parseKeyList } from './key-list.js'
import { parseStrictObject } from './strict-json.js'

/** The content of a key statement: request keys, and how they are used. */
export interface StatementContent {
  /** Unix time in seconds from which the keys are used. */
  readonly notBefore: number
  /** Unix time in seconds until which they are used: at most 49 hours later. */
  readonly notAfter: number
  /** The key list, see `encodeKeyList`. */
  readonly keyList: Uint8Array
  /** The oldest wire that the gateway speaks. */
  readonly minWire: '1.0' | '2'
  /** Fingerprints of the gateway's RSA keys for wire 1. */
  readonly rsaKeys: readonly string[]
  /**
   * Fingerprints of the identity keys that may sign it, one to eight: the gateway's own. Without them, a
   * stranger could sign the statement of another, and a proof for the statement would seem to be one for
   * that signature.
   */
  readonly identities: readonly string[]
  /** Most bytes of an encrypted request. */
  readonly maxRequest: number
  /** Most bytes of an encrypted request whose content is a form with a file. Default: {@link maxRequest}. */
  readonly maxUpload?: number | undefined
  /** Most bytes of plaintext in a chunk, 16384 or more. */
  readonly maxChunk: number
  /** Method and path of each route, such as `POST /v1/chat/completions`. */
  readonly routes: readonly string[]
}

/** A key statement whose form, times and signatures were checked. Trust in an identity is left to the caller. */
export interface KeyStatement extends StatementContent {
  /** The bytes that are signed. */
  readonly bytes: Bytes
  /** SHA-256 of {@link bytes}, in lower-case hexadecimal digits. */
  readonly sha256: string
  /** The keys of the list whose KEM is known. */
  readonly keys: readonly KeyConfig[]
  /**
   * Fingerprints of the identity keys whose signature is valid, one or more; only such that the statement
   * names, where it names any.
   */
  readonly identities: readonly string[]
  /**
   * False where the statement names no identity keys. Then a proof for its bytes says nothing about the keys
   * that signed it: trust in a signature must come from its key alone.
   */
  readonly namesIdentities: boolean
}

const MAX_STATEMENT_BYTES = 8 * 1024
const MAX_DOCUMENT_BYTES = 16 * 1024
const MAX_LIFE_SECONDS = 49 * 3600
const CLOCK_SKEW_SECONDS = 300
const MAX_SIGNATURES = 8
const NOT_CONTENT = 'content must be that of a statement'

/**
 * Encodes a key statement: the bytes to sign.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID` for content that {@link parseKeyStatement} refuses
 * @example
 * ```ts
 * import { encodeStatement, signStatement, type IdentityKey } from '@nomyo/crypto/wire-2'
 *
 * export async function publish(keyList: Uint8Array, identity: IdentityKey, now: number) {
 *   const statement = encodeStatement({
 *     notBefore: now,
 *     notAfter: now + 7200,
 *     keyList,
 *     minWire: '1.0',
 *     rsaKeys: [],
 *     identities: [identity.fingerprint],
 *     maxRequest: 16_777_216,
 *     maxChunk: 65_536,
 *     routes: ['POST /v1/chat/completions'],
 *   })
 *   return signStatement(statement, [identity])
 * }
 * ```
 */
export function encodeStatement(content: StatementContent): Bytes {
  requireOptions(content, 'content')
  requireBytes(content.keyList, 'keyList')
  requireArgument(hasValidContent(content) && areIdentities(content.identities), NOT_CONTENT)
  const statement = ascii(
    JSON.stringify({
      type: STATEMENT_TYPE,
      not_before: content.notBefore,
      not_after: content.notAfter,
      ohttp_keys: platform.encodeBase64(content.keyList),
      path: GATEWAY_PATH,
      min_wire: content.minWire,
      rsa_keys: content.rsaKeys,
      identities: content.identities,
      max_request: content.maxRequest,
      max_upload: content.maxUpload,
      max_chunk: content.maxChunk,
      routes: content.routes,
    }),
  )
  requireArgument(statement.length <= MAX_STATEMENT_BYTES, NOT_CONTENT)
  return statement
}

/**
 * Signs a statement with an identity key, or with two while the identity changes.
 *
 * @returns the document that clients read, as JSON: the same bytes for all of them
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { generateIdentityKey, signStatement } from '@nomyo/crypto/wire-2'
 *
 * export async function sign(statement: Uint8Array) {
 *   return signStatement(statement, [(await generateIdentityKey()).key])
 * }
 * ```
 */
export async function signStatement(
  statement: Uint8Array,
  identities: readonly IdentityKey[],
): Promise<Bytes> {
  requireBytes(statement, 'statement')
  requireList(identities, 'identities', 'sign')
  const { length } = identities
  requireArgument(length > 0 && length <= MAX_SIGNATURES, 'identities must have 1 to 8 members')
  const signatures = identities.map(async ({ spkiDer, sign }) => ({
    identity: platform.encodeBase64(spkiDer),
    signature: platform.encodeBase64(await sign(statement)),
  }))
  const document = {
    statement: platform.encodeBase64(statement),
    signatures: await Promise.all(signatures),
  }
  return ascii(JSON.stringify(document))
}

/**
 * Reads the document with a key statement, and checks its form, its times and its signatures. An invalid
 * signature does not spoil a valid one. **The caller decides whether it trusts one of the `identities`.**
 *
 * @param input - `now`: Unix time in seconds; `maxBytes`: of the document, default 16 KiB
 * @throws SecurityError `ERR_STATEMENT_INVALID`; `ERR_STATEMENT_EXPIRED` where the times do not match the
 * clock; `ERR_KEY_INVALID` for a malformed key list
 * @example
 * ```ts
 * import { parseKeyStatement } from '@nomyo/crypto/wire-2'
 *
 * export async function pinned(document: Uint8Array, pin: string) {
 *   const statement = await parseKeyStatement(document, { now: Date.now() / 1000 })
 *   return statement.identities.includes(pin) ? statement : undefined
 * }
 * ```
 */
export async function parseKeyStatement(
  document: Uint8Array,
  input: { readonly now: number; readonly maxBytes?: number },
): Promise<KeyStatement> {
  requireOptions(input, 'input')
  const { now, maxBytes = MAX_DOCUMENT_BYTES } = input
  requireArgument(typeof now === 'number', 'now must be a number')
  requireInteger(maxBytes, 'maxBytes')
  const { statement, signatures } = parseStrictObject(document, maxBytes, 'ERR_STATEMENT_INVALID')
  const bytes = bytesOf(statement, MAX_STATEMENT_BYTES)
  if (!Array.isArray(signatures) || signatures.length > MAX_SIGNATURES) throw invalid()
  const { identities: named, ...content } = readContent(
    parseStrictObject(bytes, MAX_STATEMENT_BYTES, 'ERR_STATEMENT_INVALID'),
  )
  const identities = new Set<string>()
  for (const signature of signatures as readonly unknown[]) {
    if (!isJsonObject(signature)) throw invalid()
    const identity = await verifyIdentity(
      bytes,
      bytesOf(signature['identity'], 256),
      bytesOf(signature['signature'], 256),
    )
    if (identity !== undefined && named?.includes(identity) !== false) identities.add(identity)
  }
  if (identities.size === 0) throw invalid()
  // After the signatures: unsigned times show nothing about the clock.
  if (!(now >= content.notBefore - CLOCK_SKEW_SECONDS && now <= content.notAfter)) {
    throw new SecurityError(
      'ERR_STATEMENT_EXPIRED',
      `The key statement is valid from ${utc(content.notBefore)} to ${utc(content.notAfter)}; the clock of ` +
        `this machine says ${utc(now)}. One of them is wrong.`,
    )
  }
  return {
    ...content,
    bytes,
    sha256: hex(await platform.sha256(bytes)),
    keys: parseKeyList(content.keyList),
    identities: [...identities],
    namesIdentities: named !== undefined,
  }
}

/** The content as it is read: statements may name no identities. */
type ReadContent = Omit<StatementContent, 'identities'> & {
  readonly identities: readonly string[] | undefined
}

function readContent(members: Record<string, unknown>): ReadContent {
  const content = {
    notBefore: members['not_before'] as number,
    notAfter: members['not_after'] as number,
    keyList: bytesOf(members['ohttp_keys'], MAX_STATEMENT_BYTES),
    minWire: members['min_wire'] as '1.0' | '2',
    rsaKeys: members['rsa_keys'] as readonly string[],
    identities: members['identities'] as readonly string[] | undefined,
    maxRequest: members['max_request'] as number,
    maxUpload: members['max_upload'] as number | undefined,
    maxChunk: members['max_chunk'] as number,
    routes: members['routes'] as readonly string[],
  }
  if (members['type'] !== STATEMENT_TYPE || members['path'] !== GATEWAY_PATH) throw invalid()
  const { identities } = content
  if (!hasValidContent(content)) throw invalid()
  if (identities !== undefined && !areIdentities(identities)) throw invalid()
  return content
}

/** Checks members that may be of any type. */
function hasValidContent(content: Omit<StatementContent, 'identities'>): boolean {
  const { notBefore, notAfter, minWire, rsaKeys, maxRequest, maxChunk, routes } = content
  const { maxUpload = maxRequest } = content
  return (
    [notBefore, notAfter, maxRequest, maxUpload, maxChunk].every((value) =>
      Number.isSafeInteger(value),
    ) &&
    notBefore >= 0 &&
    notAfter > notBefore &&
    notAfter - notBefore <= MAX_LIFE_SECONDS &&
    ['1.0', '2'].includes(minWire) &&
    maxRequest >= CHUNK_BYTES &&
    maxUpload >= maxRequest &&
    maxChunk >= CHUNK_BYTES &&
    areTexts(rsaKeys, isPin) &&
    areTexts(routes, (route) => /^[A-Z]+ \/[\x21-\x7e]*$/.test(route))
  )
}

const areIdentities = (value: readonly string[]): boolean =>
  areTexts(value, isPin) && value.length > 0 && value.length <= MAX_SIGNATURES

const isPin = (text: string): boolean => /^sha256\/[A-Za-z0-9+/]{43}=$/.test(text)

function areTexts(value: unknown, isValid: (text: string) => boolean): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && isValid(one))
}

function bytesOf(base64: unknown, maxBytes: number): Bytes {
  const bytes = typeof base64 === 'string' ? decodeBase64Text(base64) : undefined
  if (bytes === undefined || bytes.length > maxBytes) throw invalid()
  return ownBytes(bytes)
}

/** Encodes bytes as lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Formats Unix time; times that no date can express come as numbers. */
function utc(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

const invalid = (): SecurityError =>
  new SecurityError('ERR_STATEMENT_INVALID', 'Not a valid key statement.')
